// A publisher, and subscribers distributed over topics, in the protocol of one system. Deliveries
// are counted by their bytes, without any work per message.
import { connectSubscribers, sleep, topicNames } from "./generator.ts";
import { SPEAKERS, type Publisher } from "./dialects.ts";
import type { Dialect, Ports } from "./load.ts";

const FIRST_LIMIT_MS = 60_000;
/** Smaller than a link's window. */
const CALIBRATED_AT_ONCE = 1000;

export interface TopicClientsOptions extends Ports {
  readonly dialect: Dialect;
  readonly topics: number;
  readonly subscribers: number;
  readonly payloadBytes: number;
}

export class TopicClients {
  /** Called with the bytes of each arrival, which are valid only during the call. */
  received: (message: Buffer) => void = () => undefined;
  readonly #options: TopicClientsOptions;
  readonly #topics: readonly string[];
  #publisher: Publisher | undefined;
  #bytes = 0;
  /** The bytes that one message takes for one subscriber, measured with a test message. */
  #messageBytes = 1;

  constructor(options: TopicClientsOptions) {
    this.#options = options;
    this.#topics = topicNames(options.topics);
  }

  /** Deliveries since `restart`. */
  get deliveries(): number {
    return this.#bytes / this.#messageBytes;
  }

  /** @param payload of the same size as all payloads to be published */
  async connect(payload: Buffer): Promise<void> {
    const { dialect, port, producerPort, subscribers } = this.#options;
    await connectSubscribers({
      dialect,
      port,
      subscribers,
      first: 0,
      topics: this.#topics,
      received: (bytes, message) => {
        this.#bytes += bytes;
        this.received(message);
      },
    });
    this.#publisher = await SPEAKERS[dialect].publisher({
      port: producerPort ?? port,
      isProducer: producerPort !== undefined,
      topics: this.#topics.length,
    });
    await this.#calibrate(payload);
  }

  restart(): void {
    this.#bytes = 0;
  }

  /** @param number the message's number, which determines its topic */
  publish(number: number, payload: Buffer): void {
    this.#publisher?.publish(this.#topics[number % this.#topics.length] ?? "", payload);
  }

  flush(): void {
    this.#publisher?.flush();
  }

  /** Publishes to every topic until each subscriber has received the same number of bytes. */
  async #calibrate(payload: Buffer): Promise<void> {
    const { subscribers, payloadBytes } = this.#options;
    const end = performance.now() + FIRST_LIMIT_MS;
    for (;;) {
      // Some systems take a moment to register a subscriber, which receives nothing before.
      await sleep(100);
      this.#bytes = 0;
      for (const number of this.#topics.keys()) {
        this.publish(number, payload);
        if (number % CALIBRATED_AT_ONCE === 0) await this.#settle();
      }
      await this.#settle();
      await sleep(150);
      const perDelivery = this.#bytes / subscribers;
      if (Number.isInteger(perDelivery) && perDelivery >= payloadBytes) {
        this.#messageBytes = perDelivery;
        break;
      }
      if (performance.now() > end) throw new Error(`no steady delivery: ${perDelivery} bytes each`);
    }
    this.#bytes = 0;
  }

  /** Waits until nothing more arrives. */
  async #settle(): Promise<void> {
    this.flush();
    let before = -1;
    while (this.#bytes !== before) {
      before = this.#bytes;
      await sleep(25);
    }
  }
}
