// Keeps entries in IndexedDB. Several tabs may use one database: each tab sends only its own entries. When a tab ends,
// another adopts its entries: each tab holds a lock (Web Locks) for its lifetime, and the others wait for it.
import { randomId } from "../random-id.ts";
import { DurableOutbox } from "./durable-outbox.ts";
import type { OutboxStorage, StoredEntry } from "./outbox-storage.ts";

const STORE = "entries";
const VERSION = 1;

/**
 * An outbox in the browser's IndexedDB.
 * @param name of the database: pages of one origin with the same name share it. Use one for each user.
 */
export function indexedDB(name = "shardcast-outbox"): DurableOutbox {
  return new DurableOutbox(new IndexedDbStorage(name));
}

interface OwnedEntry extends StoredEntry {
  /** The tab that sends it. */
  readonly owner: string;
}

class IndexedDbStorage implements OutboxStorage {
  readonly #name: string;
  readonly #owner = randomId();
  readonly #known = new Set([this.#owner]);
  #channel: BroadcastChannel | undefined;
  readonly #abort = new AbortController();
  #database: Promise<IDBDatabase> | undefined;
  #onAdopt: (entries: readonly StoredEntry[]) => void = () => undefined;

  constructor(name: string) {
    this.#name = name;
  }

  async open(onAdopt: (entries: readonly StoredEntry[]) => void): Promise<readonly StoredEntry[]> {
    this.#onAdopt = onAdopt;
    this.#database ??= openDatabase(this.#name);
    const locks = locksOf();
    if (locks === undefined) return this.#adopt(() => true);
    // The lock is held until the tab ends, or the outbox is closed.
    await new Promise<void>((held) => {
      void locks.request(this.#lockOf(this.#owner), () => {
        held();
        return new Promise<void>((release) => {
          this.#abort.signal.addEventListener("abort", () => release());
        });
      });
    });
    const channel = (this.#channel = new BroadcastChannel(`${this.#name}-owners`));
    channel.onmessage = ({ data }: MessageEvent<unknown>) => {
      if (typeof data === "string") this.#awaitEnd(data, locks);
    };
    channel.postMessage(this.#owner);
    const all = await this.#all();
    for (const { owner } of all) this.#awaitEnd(owner, locks);
    return all.filter(({ owner }) => owner === this.#owner);
  }

  async add(entry: Omit<StoredEntry, "number">): Promise<number> {
    const number = await this.#run("readwrite", (store) =>
      store.add({ ...entry, owner: this.#owner }),
    );
    return number as number;
  }

  async put(entry: StoredEntry): Promise<void> {
    await this.#run("readwrite", (store) => store.put({ ...entry, owner: this.#owner }));
  }

  async remove(number: number): Promise<void> {
    await this.#run("readwrite", (store) => store.delete(number));
  }

  close(): void {
    this.#abort.abort();
    this.#channel?.close();
    void this.#database?.then((database) => database.close());
  }

  /** Adopts the entries of another tab when it has ended. */
  #awaitEnd(owner: string, locks: LockManager): void {
    if (this.#known.has(owner)) return;
    this.#known.add(owner);
    const { signal } = this.#abort;
    locks
      .request(this.#lockOf(owner), { signal }, async () => {
        this.#onAdopt(await this.#adopt((entry) => entry.owner === owner));
      })
      .catch(() => undefined);
  }

  async #adopt(isWanted: (entry: OwnedEntry) => boolean): Promise<readonly StoredEntry[]> {
    const entries = (await this.#all()).filter(isWanted);
    await Promise.all(entries.map((entry) => this.put(entry)));
    return entries;
  }

  async #all(): Promise<readonly OwnedEntry[]> {
    return (await this.#run("readonly", (store) => store.getAll())) as OwnedEntry[];
  }

  async #run<Result>(
    mode: IDBTransactionMode,
    request: (store: IDBObjectStore) => IDBRequest<Result>,
  ): Promise<Result> {
    this.#database ??= openDatabase(this.#name);
    const transaction = (await this.#database).transaction(STORE, mode);
    return new Promise((resolve, reject) => {
      const pending = request(transaction.objectStore(STORE));
      transaction.oncomplete = () => resolve(pending.result);
      transaction.onabort = () =>
        reject(transaction.error ?? new Error("the transaction was aborted"));
    });
  }

  #lockOf(owner: string): string {
    return `${this.#name}-${owner}`;
  }
}

function openDatabase(name: string): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const opening = globalThis.indexedDB.open(name, VERSION);
    opening.onupgradeneeded = () => {
      opening.result.createObjectStore(STORE, { keyPath: "number", autoIncrement: true });
    };
    opening.onsuccess = () => resolve(opening.result);
    opening.onerror = () => reject(opening.error ?? new Error("IndexedDB cannot be opened"));
  });
}

/** Undefined on pages without TLS: then tabs do not know of each other, and each sends all entries, under the same ids. */
function locksOf(): LockManager | undefined {
  return (navigator as { readonly locks?: LockManager }).locks;
}
