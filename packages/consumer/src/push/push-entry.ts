// A message of the topic $push: the whole state of one subscription. Of two entries with the same
// name, the later one counts. So any node may publish an entry again, in any order.
import { checkPushName, parsePushConfig, type PushConfig } from "./push-config.ts";

/** A subscription that was made over HTTP. */
export interface StoredPush {
  /**
   * New for each subscription of the same name, so that a deleted one leaves no positions to the
   * next.
   */
  readonly id: string;
  /** In ms since 1970. */
  readonly createdAt: number;
  readonly config: PushConfig;
}

export interface PushEntry {
  readonly name: string;
  /** When the entry was made, in ms since 1970. */
  readonly at: number;
  /** Null if the subscription was deleted, or comes from a file. */
  readonly push: StoredPush | null;
  /** Why the endpoint wants no more messages; null if it is not disabled. */
  readonly disabled: string | null;
}

export function encodePushEntry(entry: PushEntry): string {
  return JSON.stringify(entry);
}

/** @throws Error if the text is not a valid entry */
export function decodePushEntry(text: string): PushEntry {
  const value = parseJson(text);
  if (typeof value !== "object" || value === null) throw new Error("an entry is an object");
  const { name, at, push, disabled } = value as Readonly<Record<string, unknown>>;
  checkPushName(name);
  if (typeof at !== "number" || !Number.isSafeInteger(at)) throw new Error("it has no time");
  const reason = typeof disabled === "string" ? disabled : null;
  return { name, at, push: decodePush(name, push), disabled: reason };
}

/** Hides the error of JSON.parse, which quotes the text with its keys. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error("it is not JSON");
  }
}

function decodePush(name: string, value: unknown): StoredPush | null {
  if (typeof value !== "object" || value === null) return null;
  const { id, createdAt, config } = value as Readonly<Record<string, unknown>>;
  if (typeof id !== "string" || typeof createdAt !== "number") throw new Error("it has no id");
  return { id, createdAt, config: parsePushConfig(name, config) };
}
