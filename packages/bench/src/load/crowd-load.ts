// Many phones in one process: connects them, makes them send bytes at random times, and waits until
// each has received every message to all of them exactly once.
import { percentilesOf } from "../stats/percentile.ts";
import { sleep, type Generator } from "./generator.ts";
import type { CrowdPlan, CrowdTask, LoadResult } from "./load.ts";
import { localEnd } from "./local-end.ts";
import { Phone, type PhoneOwner } from "./phone.ts";

const CONNECTING_AT_ONCE = 64;
/** The number of topics to which the phones of one generator send their bytes. */
const BYTE_TOPICS = 16;
const TICK_MS = 10;
const POLL_MS = 20;

export class CrowdLoad implements Generator, PhoneOwner {
  readonly topic: string;
  readonly reconnectMs: number;
  readonly #plan: CrowdPlan;
  readonly #phones: Phone[] = [];
  #latencies: number[] = [];
  #failure: Error | undefined;

  constructor(plan: CrowdPlan) {
    this.#plan = plan;
    this.topic = plan.topic;
    this.reconnectMs = plan.reconnectMs;
  }

  async connect(): Promise<void> {
    const { phones, ports, first } = this.#plan;
    const connectSome = async (): Promise<void> => {
      while (this.#phones.length < phones) {
        const number = this.#phones.length;
        const port = ports[number % ports.length] ?? 0;
        const phone = new Phone(this, port, localEnd(first + number));
        this.#phones.push(phone);
        await phone.connect();
      }
    };
    await Promise.all(Array.from({ length: CONNECTING_AT_ONCE }, connectSome));
    await this.#until(() => this.#phones.every(({ isSubscribed }) => isSubscribed));
  }

  async run(task?: CrowdTask): Promise<LoadResult> {
    switch (task?.type) {
      case "bytes":
        return this.#bytes(task.seconds, task.perSecond);
      case "await":
        return this.#await(task.messages);
      default:
        throw new Error("a crowd is told what to do");
    }
  }

  acked(ms: number): void {
    this.#latencies.push(ms);
  }

  failed(error: Error): void {
    this.#failure ??= error;
  }

  /** Sends bytes at random: in each tick, as many as a Poisson process with this rate has. */
  async #bytes(seconds: number, perSecond: number): Promise<LoadResult> {
    this.#latencies = [];
    const begin = performance.now();
    const end = begin + seconds * 1000;
    let sent = 0;
    let nextAt = begin;
    while (nextAt < end) {
      const now = performance.now();
      for (
        ;
        nextAt <= now && nextAt < end;
        nextAt -= (Math.log(1 - Math.random()) * 1000) / perSecond
      ) {
        const phone = this.#phones[Math.floor(Math.random() * this.#phones.length)];
        // A phone that waits for an ack does not send.
        if (phone?.isIdle !== true) continue;
        phone.sendByte(`bytes/${this.#plan.first}/${sent % BYTE_TOPICS}`);
        sent += 1;
      }
      await sleep(TICK_MS);
    }
    await this.#until(() => this.#latencies.length >= sent);
    const latency = percentilesOf(Float64Array.from(this.#latencies));
    return { count: sent, ms: performance.now() - begin, latency };
  }

  async #await(messages: number): Promise<LoadResult> {
    const begin = performance.now();
    let have = 0;
    await this.#until(() => {
      // The phones before `have` have received all messages.
      while ((this.#phones[have]?.count ?? 0) >= messages) have += 1;
      return have === this.#phones.length;
    });
    const ms = performance.now() - begin;
    const twice = this.#phones.find(({ count }) => count > messages);
    if (twice !== undefined) throw new Error(`a phone got ${twice.count} messages of ${messages}`);
    return { count: have, ms };
  }

  async #until(isDone: () => boolean): Promise<void> {
    while (!isDone()) {
      if (this.#failure !== undefined) throw this.#failure;
      await sleep(POLL_MS);
    }
  }
}
