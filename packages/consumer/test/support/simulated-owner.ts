// The owner of one topic, and the link between it and a relay: both ends in memory. Frames wait on the link until
// the test lets them arrive.
import { Batch, MemoryLog, RetentionRules, type MemoryTopicLog } from "@shardcast/log";
import type { Runtime } from "@shardcast/process";
import {
  ShardcastError,
  decodeFrames,
  encodeFrame,
  type CauseFrame,
  type CloseReason,
  type Frame,
  type From,
} from "@shardcast/protocol";
import { SharedFrames } from "@shardcast/protocol/websocket";
import {
  Turn,
  type Follower,
  type FrameSink,
  type SourcePage,
  type TopicSource,
} from "@shardcast/server";
import { FanOut } from "../../src/fan-out/fan-out.ts";
import { FanOutCounters } from "../../src/fan-out/fan-out-counters.ts";
import { LinkSubscriptions } from "../../src/fan-out/link-subscriptions.ts";
import { Subscription } from "../../src/fan-out/subscription.ts";

const MANY = 1_000_000_000;
/** The owner's number for the topic, which the relay replaces by its own. */
const TOPIC_ID = 7;

/** A question that a test may also answer itself. */
export interface PendingRead {
  readonly from: From;
  readonly resolve: (page: SourcePage) => void;
  readonly reject: (error: Error) => void;
}

export interface SimulatedOwnerOptions {
  readonly runtime: Runtime;
  /** Messages that the owner retains. */
  readonly retained?: number;
}

export class SimulatedOwner implements TopicSource {
  /** What is on its way, in its order: to the owner, and to the relay. */
  readonly toOwner: (() => void)[] = [];
  readonly toRelay: (() => void)[] = [];
  readonly reads: PendingRead[] = [];
  isLinked = true;
  follower: Follower | undefined;
  readonly #options: SimulatedOwnerOptions;
  readonly #turn: Turn;
  readonly #runs: (() => void)[] = [];
  #log: MemoryTopicLog;
  #view: FanOut;
  #subscription: Subscription | undefined;
  #cause: CauseFrame | undefined;

  constructor(options: SimulatedOwnerOptions) {
    this.#options = options;
    this.#turn = new Turn({ schedule: (run) => this.#runs.push(run), onError });
    this.#log = this.#openLog();
    this.#view = this.#openView();
  }

  get log(): MemoryTopicLog {
    return this.#log;
  }

  follow(follower: Follower): () => void {
    this.follower = follower;
    this.#subscribe();
    return () => {
      this.follower = undefined;
      this.#sendToOwner(() => this.#endSubscription());
    };
  }

  read(_topic: string, from: From, limitBytes: number): Promise<SourcePage> {
    return new Promise((resolve, reject) => {
      const pending = { from, resolve, reject };
      if (!this.isLinked) {
        reject(unavailable());
        return;
      }
      this.reads.push(pending);
      this.toOwner.push(() => {
        const page = this.#pageOf(from, limitBytes);
        this.toRelay.push(() => {
          this.reads.splice(this.reads.indexOf(pending), 1);
          resolve(page);
        });
      });
    });
  }

  publish(count: number): void {
    const first = this.#log.head + 1;
    const batch = this.#batchOf(first, first + count - 1);
    this.#log.append(batch);
    this.#view.deliver(batch);
  }

  endTurn(): void {
    for (const run of this.#runs.splice(0)) run();
  }

  /** All that is on the link is lost. */
  loseLink(): void {
    this.isLinked = false;
    this.toOwner.length = 0;
    this.toRelay.length = 0;
    this.#cause = undefined;
    this.#endSubscription();
    for (const { reject } of this.reads.splice(0)) reject(unavailable());
  }

  openLink(): void {
    if (this.isLinked) return;
    this.isLinked = true;
    if (this.follower !== undefined) this.#subscribe();
  }

  /** The owner starts again, with nothing: the topic has another epoch. */
  restart(): void {
    this.loseLink();
    this.#log = this.#openLog();
    this.#view = this.#openView();
  }

  /** Lets everything arrive, at both ends, as long as there is something. */
  arriveAll(): void {
    do {
      this.toOwner.shift()?.();
      this.endTurn();
      this.toRelay.shift()?.();
    } while (this.toOwner.length + this.toRelay.length + this.#runs.length > 0);
  }

  #subscribe(): void {
    const { follower } = this;
    if (follower === undefined) return;
    const { position } = follower;
    const from: From = position === undefined ? { type: "live" } : { type: "position", position };
    this.#sendToOwner(() => {
      this.#endSubscription();
      const subscription = new Subscription(this.#sinkOf(), 1, this.#view, new LinkSubscriptions());
      this.#subscription = subscription;
      this.#view.subscribe(subscription, from);
    });
  }

  #endSubscription(): void {
    const { sink } = this.#subscription ?? {};
    if (sink !== undefined) (sink as { isOpen: boolean }).isOpen = false;
    if (this.#subscription !== undefined) this.#view.end(this.#subscription);
    this.#subscription = undefined;
  }

  #sendToOwner(run: () => void): void {
    if (this.isLinked) this.toOwner.push(run);
  }

  #sinkOf(): FrameSink {
    return {
      access: undefined,
      isOpen: true,
      isCongested: false,
      send: (frame) => this.toRelay.push(() => this.#received(frame)),
      sendShared: (shared) => {
        const { frames } = shared;
        this.toRelay.push(() => this.#delivered(frames));
      },
      close: (reason: CloseReason) => {
        throw new Error(`the owner ends the link: ${reason}`);
      },
    };
  }

  /** As an Upstream hands on what it receives. */
  #received(frame: Frame): void {
    if (frame.type === "subscribed") this.follower?.followed(frame);
    else if (frame.type === "cause") this.#cause = frame;
    else if (frame.type === "gap") {
      const code = this.#cause?.code;
      this.#cause = undefined;
      this.follower?.missed(frame, code);
    }
  }

  #delivered(frames: Uint8Array): void {
    let start = 0;
    for (const frame of decodeFrames(frames)) {
      const { length } = encodeFrame(frame);
      this.follower?.delivered(frames, start, start + length);
      start += length;
    }
  }

  #pageOf(from: From, limitBytes: number): SourcePage {
    const log = this.#log;
    const after = log.resolve(from);
    const frames = log.read(after, limitBytes)?.shared.frames ?? new Uint8Array(0);
    const position = { epoch: log.epoch, offset: Math.max(after, log.oldest - 1) };
    return { position, head: log.head, oldest: log.oldest, frames };
  }

  #batchOf(first: number, last: number): Batch {
    const frames: Uint8Array[] = [];
    for (let offset = first; offset <= last; offset += 1) {
      const payload = Buffer.from(`${this.#log.epoch}_${offset}`);
      frames.push(
        encodeFrame({ type: "message", topicId: TOPIC_ID, offset, time: offset, payload }),
      );
    }
    return new Batch(first, last, SharedFrames.of(Buffer.concat(frames)));
  }

  #openLog(): MemoryTopicLog {
    const { retained = MANY } = this.#options;
    const retention = new RetentionRules({ count: retained, bytes: MANY, ageMs: MANY });
    return new MemoryLog({ retention, maxBytes: MANY, now: () => 1000 }).open("news");
  }

  #openView(): FanOut {
    const context = { turn: this.#turn, counters: new FanOutCounters(), onError };
    return new FanOut("news", TOPIC_ID, this.#log, { ...context, runtime: this.#options.runtime });
  }
}

function unavailable(): ShardcastError {
  return new ShardcastError("SHARDCAST_OWNER_UNAVAILABLE", "the link is lost");
}

function onError(error: unknown): void {
  throw error;
}
