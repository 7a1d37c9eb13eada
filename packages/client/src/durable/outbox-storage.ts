// Where an outbox keeps its entries.
import type { Attributes } from "@shardcast/protocol";

export interface StoredEntry {
  /** Entries are sent in the order of their numbers. Assigned by the storage. */
  readonly number: number;
  readonly messageId: string;
  readonly topic: string;
  /** A string, bytes, or a JSON value. */
  readonly data: string | Uint8Array | object | number | boolean | null;
  readonly attributes: Attributes;
  /** When it was added, and when it was last handed to a link, in ms since 1970. */
  readonly createdAt: number;
  readonly sentAt: number | undefined;
  /** Why a node refused it for good. */
  readonly failure: { readonly code: string; readonly message: string } | undefined;
}

export interface OutboxStorage {
  /**
   * Opens the storage, and returns the entries that this outbox is responsible for.
   * @param onAdopt called with entries of another tab that has ended
   */
  open(onAdopt: (entries: readonly StoredEntry[]) => void): Promise<readonly StoredEntry[]>;
  /** Stores a new entry. @returns its number */
  add(entry: Omit<StoredEntry, "number">): Promise<number>;
  put(entry: StoredEntry): Promise<void>;
  remove(number: number): Promise<void>;
  close(): void;
}
