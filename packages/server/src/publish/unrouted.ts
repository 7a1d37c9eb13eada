// Publishes that arrive while no consumer is known. They wait for one, in order, as long as their
// senders do.
import type { Runtime, Timer } from "@shardcast/process";
import {
  PUBLISH_TIMEOUT_AT,
  readPublishTopic,
  readUint32,
  writeUint32,
  type PublishHead,
} from "@shardcast/protocol";
import { deadlineOf, hasOwnTime } from "./publish-wait.ts";
import type { MovedPublish } from "./moved-publish.ts";
import type { PublishOrigin, PublishTarget, Refusal } from "./publish-target.ts";
import { RefusedBehind } from "./refused-behind.ts";

const EXPIRE_MS = 100;
/** If more bytes wait, further publishes are refused. */
const MAX_BYTES = 64 * 1024 * 1024;

interface UnroutedPublish extends MovedPublish {
  readonly seq: number;
  readonly deadline: number;
}

export class Unrouted implements PublishTarget {
  readonly #publishTimeoutMs: number;
  readonly #runtime: Runtime;
  #waiting: UnroutedPublish[] = [];
  #bytes = 0;
  #timer: Timer | undefined;

  constructor(publishTimeoutMs: number, runtime: Runtime) {
    this.#runtime = runtime;
    this.#publishTimeoutMs = publishTimeoutMs;
  }

  publish(
    origin: PublishOrigin,
    head: PublishHead,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): void {
    const { seq, timeoutMs } = head;
    if (this.#bytes + end - start > MAX_BYTES) {
      origin.refuse(refusalOf(seq, head.topic));
      return;
    }
    const deadline = deadlineOf(timeoutMs, this.#publishTimeoutMs, this.#runtime.steady());
    this.#waiting.push({ origin, seq, deadline, frame: Buffer.from(bytes.subarray(start, end)) });
    this.#bytes += end - start;
    if (this.#timer !== undefined) return;
    const { steady, setInterval } = this.#runtime;
    this.#timer = setInterval(() => this.#expire(steady()), EXPIRE_MS);
    this.#timer.unref();
  }

  /** Removes and returns all waiting publishes, each with the time that it has left. */
  take(): MovedPublish[] {
    const now = this.#runtime.steady();
    const waiting = this.#keep([]);
    for (const { frame, deadline } of waiting) {
      writeUint32(frame, PUBLISH_TIMEOUT_AT, Math.max(1, Math.ceil(deadline - now)));
    }
    return waiting;
  }

  #expire(now: number): void {
    const behind = new RefusedBehind();
    const kept = this.#waiting.filter(({ origin, seq, deadline, frame }, ordinal) => {
      if (deadline > now) return !behind.includes({ origin, seq, ordinal, bytes: frame, start: 0 });
      const refusal = refusalOf(seq, readPublishTopic(frame, 0));
      if (hasOwnTime(readUint32(frame, PUBLISH_TIMEOUT_AT))) origin.refuse(refusal);
      else behind.refuse(origin, refusal, ordinal);
      return false;
    });
    this.#keep(kept);
  }

  #keep(waiting: UnroutedPublish[]): UnroutedPublish[] {
    const before = this.#waiting;
    this.#waiting = waiting;
    this.#bytes = waiting.reduce((sum, { frame }) => sum + frame.length, 0);
    if (waiting.length === 0) {
      this.#runtime.clear(this.#timer);
      this.#timer = undefined;
    }
    return before;
  }
}

function refusalOf(seq: number, topic: string): Refusal {
  return { seq, topic, code: "SHARDCAST_OWNER_UNAVAILABLE", reason: "no consumer is known" };
}
