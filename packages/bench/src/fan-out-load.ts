// Publishes as fast as a window lets it, and counts what arrives at all subscribers together.
import { connectSubscribers, sleep, topicNames, type Generator } from "./generator.ts";
import { SPEAKERS, type Publisher } from "./dialects.ts";
import type { FanOutPlan, LoadResult } from "./load.ts";

const FIRST_LIMIT_MS = 60_000;

export class FanOutLoad implements Generator {
  readonly #plan: FanOutPlan;
  readonly #topics: string[];
  #publisher: Publisher | undefined;
  #bytes = 0;
  /** What one message is to one subscriber, found out by sending one. */
  #messageBytes = 1;
  #published = 0;
  #changed: () => void = () => undefined;

  constructor(plan: FanOutPlan) {
    this.#plan = plan;
    this.#topics = topicNames(plan.topics);
  }

  async connect(): Promise<void> {
    const { dialect, port, publishPort, subscribers, payloadBytes } = this.#plan;
    await connectSubscribers({
      ...{ dialect, port, subscribers, first: 0, topics: this.#topics },
      received: (bytes) => {
        this.#bytes += bytes;
        this.#changed();
      },
    });
    const payload = Buffer.alloc(payloadBytes, "x");
    this.#publisher = await SPEAKERS[dialect].publisher(publishPort, payload);
    await this.#calibrate();
  }

  /** Publishes to every topic until each of its subscribers has had as many bytes as the others. */
  async #calibrate(): Promise<void> {
    const end = performance.now() + FIRST_LIMIT_MS;
    for (;;) {
      // A system may take a moment to know a subscriber: what it does not know yet gets nothing.
      await sleep(100);
      this.#bytes = 0;
      this.#publishRound();
      let before = -1;
      while (this.#bytes !== before) {
        before = this.#bytes;
        await sleep(150);
      }
      const perDelivery = this.#bytes / this.#plan.subscribers;
      if (Number.isInteger(perDelivery) && perDelivery >= this.#plan.payloadBytes) {
        this.#messageBytes = perDelivery;
        break;
      }
      if (performance.now() > end) throw new Error(`no steady delivery: ${perDelivery} bytes each`);
    }
    this.#bytes = 0;
    this.#published = 0;
  }

  #publishRound(): void {
    for (const topic of this.#topics) this.#publisher?.publish(topic);
    this.#publisher?.flush();
  }

  async run(): Promise<LoadResult> {
    const { messages, inFlight, subscribers, topics } = this.#plan;
    const perMessage = subscribers / topics;
    this.#bytes = 0;
    this.#published = 0;
    const begin = performance.now();
    await new Promise<void>((resolve) => {
      const pump = (): void => {
        const delivered = this.#bytes / this.#messageBytes / perMessage;
        while (this.#published < messages && this.#published - delivered < inFlight) {
          this.#publisher?.publish(this.#topics[this.#published % topics] ?? "");
          this.#published += 1;
        }
        this.#publisher?.flush();
        if (delivered >= messages) resolve();
      };
      this.#changed = pump;
      pump();
    });
    this.#changed = () => undefined;
    return { count: messages * perMessage, ms: performance.now() - begin };
  }
}
