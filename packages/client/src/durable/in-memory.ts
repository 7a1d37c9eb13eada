// Keeps entries in memory: for programs that only need the states, and for tests.
import { DurableOutbox } from "./durable-outbox.ts";
import type { OutboxStorage, StoredEntry } from "./outbox-storage.ts";

/** An outbox that lasts as long as the program: publishes wait through offline phases of any length. */
export function inMemory(): DurableOutbox {
  return new DurableOutbox(new MemoryStorage());
}

export class MemoryStorage implements OutboxStorage {
  readonly entries = new Map<number, StoredEntry>();
  #next = 1;

  open(): Promise<readonly StoredEntry[]> {
    return Promise.resolve([...this.entries.values()]);
  }

  add(entry: Omit<StoredEntry, "number">): Promise<number> {
    const number = this.#next;
    this.#next += 1;
    this.entries.set(number, { ...entry, number });
    return Promise.resolve(number);
  }

  put(entry: StoredEntry): Promise<void> {
    this.entries.set(entry.number, entry);
    return Promise.resolve();
  }

  remove(number: number): Promise<void> {
    this.entries.delete(number);
    return Promise.resolve();
  }

  close(): void {
    // The entries stay for the next outbox over this storage.
  }
}
