// Publishes as fast as a window permits, and counts the deliveries to all subscribers.
import type { FanOutPlan, LoadResult } from "./load.ts";
import { TopicClients } from "./topic-clients.ts";
import type { Generator } from "./generator.ts";

/** If nothing arrives for this long, the system has dropped messages. */
const STALL_MS = 10_000;

export class FanOutLoad implements Generator {
  readonly #plan: FanOutPlan;
  readonly #clients: TopicClients;
  readonly #payload: Buffer;
  #published = 0;

  constructor(plan: FanOutPlan) {
    this.#plan = plan;
    this.#payload = Buffer.alloc(plan.payloadBytes, "x");
    this.#clients = new TopicClients(plan);
  }

  connect(): Promise<void> {
    return this.#clients.connect(this.#payload);
  }

  async run(): Promise<LoadResult> {
    const { messages, limitMs, inFlight, subscribers, topics } = this.#plan;
    const perMessage = subscribers / topics;
    const clients = this.#clients;
    clients.restart();
    this.#published = 0;
    const begin = performance.now();
    let before = -1;
    let watch: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve, reject) => {
      watch = setInterval(() => {
        if (clients.deliveries === before) {
          const wanted = this.#published * perMessage;
          reject(new Error(`of ${wanted} deliveries ${before} came, and no more`));
        }
        before = clients.deliveries;
      }, STALL_MS);
      const pump = (): void => {
        const delivered = clients.deliveries / perMessage;
        const isOver = this.#published === messages || performance.now() - begin > limitMs;
        if (isOver && delivered >= this.#published) resolve();
        if (isOver) return;
        while (this.#published < messages && this.#published - delivered < inFlight) {
          clients.publish(this.#published, this.#payload);
          this.#published += 1;
        }
        clients.flush();
      };
      clients.received = pump;
      pump();
    });
    clearInterval(watch);
    clients.received = () => undefined;
    return { count: this.#published * perMessage, ms: performance.now() - begin };
  }
}
