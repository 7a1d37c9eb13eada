// The key-value store in the process's memory.
import { firstNames } from "./name-order.ts";
import {
  checkStateEntry,
  checkStateKey,
  promised,
  type StateEntry,
  type StateStore,
} from "./state-store.ts";

export class MemoryState implements StateStore {
  readonly #values = new Map<string, string>();

  get(key: string): Promise<string | undefined> {
    return promised(() => {
      checkStateKey(key);
      return this.#values.get(key);
    });
  }

  set(entries: Iterable<StateEntry>): Promise<void> {
    return promised(() => {
      const all = [...entries];
      all.forEach(checkStateEntry);
      for (const [key, value] of all) this.#values.set(key, value);
    });
  }

  delete(keys: Iterable<string>): Promise<void> {
    return promised(() => {
      const all = [...keys];
      all.forEach(checkStateKey);
      for (const key of all) this.#values.delete(key);
    });
  }

  list(prefix: string, after: string, limit: number): Promise<readonly StateEntry[]> {
    return promised(() => {
      const keys = [...this.#values.keys()].filter((key) => key.startsWith(prefix));
      return firstNames(keys, after, limit).map((key) => [key, this.#values.get(key) ?? ""]);
    });
  }

  clear(): void {
    this.#values.clear();
  }
}
