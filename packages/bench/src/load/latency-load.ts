// Publishes on a fixed schedule, and measures each latency from the time at which the message was
// due, not from when it was sent. A message that is sent late because the system was busy thus
// counts as late, as it is for a user (coordinated omission; Gil Tene, "How NOT to Measure
// Latency").
import { percentilesOf } from "../stats/percentile.ts";
import type { Generator } from "./generator.ts";
import type { LatencyPlan, LoadResult } from "./load.ts";
import { TopicClients } from "./topic-clients.ts";

/** Precedes the time, to find it in any encoding of the payload. */
const MARK = "@due=";
const DIGITS = 14;
/** How long to wait for deliveries after the last message, in ms. */
const LAST_LIMIT_MS = 20_000;
/**
 * Messages due in this time, or in the first quarter of a shorter run, are not counted, so that the
 * code of both sides is warm.
 */
const WARM_MS = 1000;

export class LatencyLoad implements Generator {
  readonly #plan: LatencyPlan;
  readonly #clients: TopicClients;
  readonly #latencies: Float64Array;
  /** All deliveries, and those counted. */
  #arrived = 0;
  #count = 0;
  #countsFrom = 0;

  constructor(plan: LatencyPlan) {
    this.#plan = plan;
    this.#clients = new TopicClients(plan);
    this.#latencies = new Float64Array((plan.messages * plan.subscribers) / plan.topics);
  }

  connect(): Promise<void> {
    return this.#clients.connect(payloadOf(this.#plan.payloadBytes, 0));
  }

  async run(): Promise<LoadResult> {
    const { messages, payloadBytes, perSecond } = this.#plan;
    const clients = this.#clients;
    const expected = this.#latencies.length;
    this.#arrived = 0;
    this.#count = 0;
    clients.restart();
    const begin = performance.now();
    this.#countsFrom = begin + Math.min(WARM_MS, (messages * 250) / perSecond);
    const last = begin + (messages * 1000) / perSecond + LAST_LIMIT_MS;
    let published = 0;
    await new Promise<void>((resolve) => {
      clients.received = (message) => this.#take(message);
      const tick = (): void => {
        const now = performance.now();
        const due = Math.min(messages, Math.floor(((now - begin) * perSecond) / 1000));
        for (; published < due; published += 1) {
          const dueAt = begin + (published * 1000) / perSecond;
          clients.publish(published, payloadOf(payloadBytes, dueAt));
        }
        clients.flush();
        if (this.#arrived >= expected || now > last) resolve();
        else setImmediate(tick);
      };
      tick();
    });
    clients.received = () => undefined;
    return {
      count: this.#arrived,
      ms: performance.now() - begin,
      latency: percentilesOf(this.#latencies.subarray(0, this.#count)),
    };
  }

  /** Handles one arrival, which may contain several messages. */
  #take(message: Buffer): void {
    const now = performance.now();
    for (let at = message.indexOf(MARK); at >= 0; at = message.indexOf(MARK, at + 1)) {
      const digits = message.toString("latin1", at + MARK.length, at + MARK.length + DIGITS);
      const dueAt = Number(digits) / 1000;
      this.#arrived += 1;
      if (dueAt < this.#countsFrom) continue;
      this.#latencies[this.#count] = now - dueAt;
      this.#count += 1;
    }
  }
}

/** @param dueAt in ms, by `performance.now` */
function payloadOf(bytes: number, dueAt: number): Buffer {
  const payload = Buffer.alloc(bytes, "x");
  payload.write(MARK + String(Math.round(dueAt * 1000)).padStart(DIGITS, "0"));
  return payload;
}
