// Reconnects many clients at once, each behind by the same number of messages, and measures the
// time until each has caught up.
import { SPEAKERS } from "./dialects.ts";
import { sleep, topicNames, type Generator } from "./generator.ts";
import type { LoadResult, StormPlan } from "./load.ts";
import { localEnd } from "./local-end.ts";
import { percentilesOf } from "../stats/percentile.ts";

const PUBLISHED_AT_ONCE = 50;

export class StormLoad implements Generator {
  readonly #plan: StormPlan;
  readonly #topic = topicNames(1)[0] ?? "";
  #messageBytes = 0;
  /** The position from which all clients resume. */
  #resume = "";

  constructor(plan: StormPlan) {
    this.#plan = plan;
  }

  /** Publishes the messages that the clients will have missed. */
  async connect(): Promise<void> {
    const { dialect, port, clients, behind, payloadBytes } = this.#plan;
    const speaker = SPEAKERS[dialect];
    const payload = Buffer.alloc(payloadBytes, "x");
    const common = { port, topic: this.#topic, local: localEnd(clients) };
    let bytes = 0;
    const resume = await speaker.subscribe({
      ...common,
      received: (count) => (bytes += count),
    });
    if (resume === undefined) throw new Error(`${dialect} cannot resume`);
    this.#resume = resume;
    const publisher = await speaker.publisher({ port, isProducer: false, topics: 1 });
    for (let number = 1; number <= behind; number += 1) {
      publisher.publish(this.#topic, payload);
      if (number % PUBLISHED_AT_ONCE === 0 || number === behind) {
        publisher.flush();
        await sleep(20);
      }
    }
    let before = -1;
    while (bytes !== before) {
      before = bytes;
      await sleep(150);
    }
    this.#messageBytes = bytes / behind;
    if (this.#messageBytes < payloadBytes || !Number.isInteger(this.#messageBytes)) {
      throw new Error(`${bytes} bytes came of ${behind} messages`);
    }
  }

  async run(): Promise<LoadResult> {
    const { dialect, port, clients, behind } = this.#plan;
    const wanted = this.#messageBytes * behind;
    const times: number[] = [];
    const begin = performance.now();
    await new Promise<void>((resolve, reject) => {
      for (let number = 0; number < clients; number += 1) {
        let bytes = 0;
        SPEAKERS[dialect]
          .subscribe({
            port,
            topic: this.#topic,
            local: localEnd(number),
            resume: this.#resume,
            received: (count) => {
              bytes += count;
              if (bytes !== wanted) return;
              times.push(performance.now() - begin);
              if (times.length === clients) resolve();
            },
          })
          .catch(reject);
      }
    });
    const ms = performance.now() - begin;
    return {
      count: clients,
      ms,
      latency: percentilesOf(Float64Array.from(times)),
    };
  }
}
