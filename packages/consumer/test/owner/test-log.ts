// A log whose commits succeed or fail when a test says so, and whose topics open when it says so.
import type { Batch, Damage, IdRecord, Log, StoredIds, TopicLog } from "@shardcast/log";
import { ShardcastError, type Epoch, type From, type Position } from "@shardcast/protocol";

/** `discarded`: nothing is stored. `stored` and `lost`: it is unknown what is stored, and either is true. */
export type CommitResult = "committed" | "discarded" | "stored" | "lost";

export class TestTopicLog implements TopicLog {
  readonly epoch: Epoch;
  readonly lastTime = 0;
  readonly hasIds = true;
  readonly oldest = 1;
  isStale = false;
  readonly #stored: StoredTopic;
  #staged: [Batch, IdRecord][] = [];

  constructor(stored: StoredTopic) {
    this.#stored = stored;
    this.epoch = stored.epoch;
  }

  get head(): number {
    return this.#staged.at(-1)?.[0].last ?? this.#stored.head;
  }

  get hasStaged(): boolean {
    return this.#staged.length > 0;
  }

  append(batch: Batch, ids: IdRecord): void {
    this.#staged.push([batch, ids]);
  }

  end(result: CommitResult): void {
    const staged = this.#staged;
    this.#staged = [];
    if (result === "committed" || result === "stored") this.#stored.appended.push(...staged);
    if (result === "stored" || result === "lost") this.isStale = true;
  }

  *ids(): Generator<StoredIds> {
    for (const [, ids] of this.#stored.appended) yield { time: 0, ids };
  }

  read(after: number): Batch | Damage | undefined {
    return this.#stored.appended.find(([batch]) => batch.last > after)?.[0];
  }

  continues({ epoch }: Position): boolean {
    return epoch === this.epoch;
  }

  resolve(from: From): number {
    return from.type === "live" ? this.head : 0;
  }

  trim(): void {
    // Nothing is too old here.
  }
}

/** What is stored of a topic, whoever has it open. */
export class StoredTopic {
  readonly epoch = "00000000000000aa" as Epoch;
  readonly appended: [Batch, IdRecord][] = [];

  get head(): number {
    return this.appended.at(-1)?.[0].last ?? 0;
  }
}

export class TestLog {
  readonly fault = undefined;
  readonly topics = new Map<string, StoredTopic>();
  readonly #open: TestTopicLog[] = [];
  #commit: { resolve: () => void; reject: (error: Error) => void } | undefined;
  #committing: TestTopicLog[] = [];

  get isCommitting(): boolean {
    return this.#commit !== undefined;
  }

  /** As the part of a node that an owner uses. */
  get log(): Log {
    return this as unknown as Log;
  }

  open(name: string): TestTopicLog {
    const stored = this.topics.get(name) ?? new StoredTopic();
    this.topics.set(name, stored);
    const opened = new TestTopicLog(stored);
    this.#open.push(opened);
    return opened;
  }

  commit(): Promise<void> | undefined {
    this.#committing = this.#open.filter((topic) => topic.hasStaged);
    if (this.#committing.length === 0) return undefined;
    return new Promise((resolve, reject) => {
      this.#commit = { resolve, reject };
    });
  }

  endCommit(result: CommitResult): void {
    const commit = this.#commit;
    this.#commit = undefined;
    for (const topic of this.#committing) topic.end(result);
    if (result === "committed") commit?.resolve();
    else commit?.reject(new ShardcastError("SHARDCAST_LOG_UNAVAILABLE"));
  }
}
