// Clients of every kind that publish and subscribe throughout the run, and record what they
// receive.
import { connect, type Client, type Message, type Subscription } from "@shardcast/client";
import { ShardcastError } from "@shardcast/protocol";
import type { Cluster } from "./cluster.ts";
import { LOSSY_MARK } from "./flip-bit.ts";
import type { History, PublishRecord, SeenRecord, View } from "./history.ts";
import type { Random } from "./random.ts";

export interface WorkloadOptions {
  readonly cluster: Cluster;
  readonly random: Random;
  /** The number of regular topics. */
  readonly topics: number;
  /** Additional topics that may lose messages. */
  readonly lossyTopics: ReadonlySet<string>;
  readonly publishers: number;
  /** Subscribers per topic. */
  readonly subscribers: number;
  /** Publishes per second, of all publishers together. */
  readonly rate: number;
  /**
   * How long subscribers may take to receive everything after all faults have ended, in ms.
   * @default 100_000
   */
  readonly settleMs?: number | undefined;
}

/** How a client connects to the cluster. */
const ROUTES = ["direct", "single", "lists"] as const;

const CONNECT_TIMEOUT_MS = 60_000;
const PUBLISH_TIMEOUT_MS = 60_000;
const RECONNECT = { minMs: 20, maxMs: 500 };
const TICK_MS = 10;
/** Longer than the timeout of a publish. */
const SETTLE_MS = 100_000;
const POLL_MS = 50;
/** Sizes of the padding in a payload: mostly small, some larger than a page of the log. */
const PADDINGS = [
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 100, 100, 1000, 1000, 20_000, 20_000, 100_000, 400_000,
];
const PAUSE_MIN_MS = 200;
const PAUSE_MAX_MS = 3000;

interface Publisher {
  readonly name: string;
  readonly client: Client;
  /** Sequence numbers by topic. */
  readonly sequences: Map<string, number>;
}

export class Workload implements History {
  readonly published: PublishRecord[] = [];
  readonly views: View[] = [];
  readonly #options: WorkloadOptions;
  readonly #clients: Client[] = [];
  readonly #publishers: Publisher[] = [];
  readonly #unanswered = new Set<PublishRecord>();
  readonly #wanderers: Promise<void>[] = [];
  readonly topics: readonly string[];
  #isStopping = false;
  /** The time of the last ack, by topic. */
  readonly #ackedAt = new Map<string, number>();
  /** The longest time between two acks of one topic, in ms. */
  longestSilenceMs = 0;
  #timer: NodeJS.Timeout | undefined;
  #debt = 0;

  private constructor(options: WorkloadOptions) {
    this.#options = options;
    this.topics = [...topicNames(options.topics), ...options.lossyTopics];
  }

  get lossyTopics(): ReadonlySet<string> {
    return this.#options.lossyTopics;
  }

  /** Connects all clients to the intact cluster, and starts publishing. */
  static async start(options: WorkloadOptions): Promise<Workload> {
    const workload = new Workload(options);
    await workload.#subscribeAll();
    for (let number = 1; number <= options.publishers; number += 1) {
      const client = await workload.#connect(number);
      workload.#publishers.push({ name: `publisher ${number}`, client, sequences: new Map() });
    }
    workload.#timer = setInterval(() => workload.#tick(), TICK_MS);
    return workload;
  }

  get deliveries(): number {
    return this.views.reduce((sum, { seen }) => sum + seen.length, 0);
  }

  /**
   * Stops publishing, and waits for every answer and until every subscriber has received
   * everything.
   */
  async settle(): Promise<void> {
    clearInterval(this.#timer);
    this.#isStopping = true;
    await Promise.all(this.#wanderers);
    const { settleMs = SETTLE_MS } = this.#options;
    await until("every publish has its answer", SETTLE_MS, () => this.#unanswered.size === 0);
    // Offsets of different epochs are not comparable: in a lossy topic, receiving this last message
    // proves completeness.
    for (const topic of this.lossyTopics) this.#publish(topic);
    await until("the last publishes have theirs", SETTLE_MS, () => this.#unanswered.size === 0);
    await this.#readAll();
    const heads = this.#heads();
    // The checker reports a subscriber that does not get there.
    await until("every subscriber is at head", settleMs, () =>
      this.views.every(({ topic, seen }) => {
        const head = heads.get(topic);
        const last = seen.at(-1);
        if (head === undefined) return true;
        return last?.epoch === head.epoch && last.offset >= head.offset;
      }),
    ).catch(() => undefined);
  }

  /** The highest known offset of each topic; of a lossy topic, that of its last message. */
  #heads(): Map<string, { readonly epoch: string; readonly offset: number }> {
    const heads = new Map<string, { readonly epoch: string; readonly offset: number }>();
    const seen = this.views.flatMap(({ topic, seen: records }) =>
      records.slice(-1).map((record) => ({ topic, ...record })),
    );
    for (const { topic, epoch, offset } of [...seen, ...this.published]) {
      const isFurther = this.lossyTopics.has(topic) || offset >= (heads.get(topic)?.offset ?? 0);
      if (isFurther && epoch !== "") heads.set(topic, { epoch, offset });
    }
    return heads;
  }

  close(): void {
    clearInterval(this.#timer);
    this.#isStopping = true;
    for (const client of this.#clients) client.close();
  }

  async #connect(number: number): Promise<Client> {
    const { cluster } = this.#options;
    const { psk, consumers, producers } = cluster;
    const route = ROUTES[number % ROUTES.length];
    const url = consumers[number % consumers.length]?.url ?? "";
    const common = {
      psk,
      reconnect: RECONNECT,
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
      publishTimeoutMs: PUBLISH_TIMEOUT_MS,
    };
    const client =
      route === "lists"
        ? await connect({
            ...common,
            producers: producers.map((node) => node.url),
            consumers: consumers.map((node) => node.url),
          })
        : await connect({ ...common, url, ...(route === undefined ? {} : { route }) });
    this.#clients.push(client);
    return client;
  }

  async #subscribeAll(): Promise<void> {
    const { subscribers } = this.#options;
    for (let number = 1; number <= subscribers; number += 1) {
      const client = await this.#connect(number);
      for (const topic of this.topics) {
        const view = this.#newView(topic, `subscriber ${number}`);
        // Every third subscriber disconnects at times, and resumes where it left off.
        if (number % 3 === 0) this.#wanderers.push(this.#wander(client, view));
        else await this.#stay(client, view);
      }
    }
  }

  #newView(topic: string, subscriber: string): View {
    const view: View = { topic, subscriber, isFromStart: true, seen: [], gaps: [], errors: [] };
    this.views.push(view);
    return view;
  }

  async #stay(client: Client, view: View): Promise<void> {
    const subscription = client.subscribe(view.topic, { from: "earliest" });
    subscription.on("message", (message) => view.seen.push(read(message)));
    this.#watch(subscription, view);
    await subscription.ready.catch(() => undefined);
  }

  /**
   * Follows a topic with interruptions, like an application that is closed and reopened, and reads
   * slowly.
   */
  async #wander(client: Client, view: View): Promise<void> {
    const { random } = this.#options;
    let from = "earliest";
    while (!this.#isStopping) {
      const subscription = client.subscribe(view.topic, { from });
      this.#watch(subscription, view);
      const timer = setTimeout(
        () => subscription.close(),
        random.between(PAUSE_MIN_MS, PAUSE_MAX_MS),
      );
      try {
        for await (const message of subscription) {
          view.seen.push(read(message));
          from = message.position;
          if (view.seen.length % 50 === 0) await sleep(random.between(0, 50));
        }
      } catch {
        // The subscription's error has already been recorded.
      }
      clearTimeout(timer);
      await sleep(random.between(0, PAUSE_MIN_MS));
    }
    // Then follows the topic to the end, like the other subscribers.
    const subscription = client.subscribe(view.topic, { from });
    this.#watch(subscription, view);
    subscription.on("message", (message) => view.seen.push(read(message)));
  }

  #watch(subscription: Subscription, view: View): void {
    subscription.on("gap", (gap) =>
      view.gaps.push({
        ...gap,
        after: view.seen.at(-1)?.offset ?? 0,
        seenBefore: view.seen.length,
      }),
    );
    subscription.on("error", (error) => view.errors.push(`${error.code}: ${error.message}`));
  }

  /** The final content of the log, as a new subscriber reads it. */
  async #readAll(): Promise<void> {
    const client = await this.#connect(0);
    for (const topic of this.topics) {
      await this.#stay(client, this.#newView(topic, "reader at the end"));
    }
  }

  #tick(): void {
    this.#debt += (this.#options.rate * TICK_MS) / 1000;
    for (; this.#debt >= 1; this.#debt -= 1) {
      this.#publish(this.#options.random.pick(this.topics));
    }
  }

  #publish(topic: string): void {
    const { random } = this.#options;
    const publisher = random.pick(this.#publishers);
    const sequence = (publisher.sequences.get(topic) ?? 0) + 1;
    const mark = this.lossyTopics.has(topic) ? LOSSY_MARK : "|";
    const text = `${publisher.name}|${sequence}${mark}`;
    const data = text.padEnd(text.length + random.pick(PADDINGS), ".");
    const record: PublishRecord = {
      topic,
      publisher: publisher.name,
      sequence,
      outcome: "open",
      epoch: "",
      offset: 0,
      isDuplicate: false,
      code: "",
    };
    const answer = publisher.client.publish(topic, data);
    publisher.sequences.set(topic, sequence);
    this.published.push(record);
    this.#unanswered.add(record);
    answer.then(
      ({ epoch, offset, duplicate }) => {
        Object.assign(record, { outcome: "acked", epoch, offset, isDuplicate: duplicate });
        this.#acked(topic);
        this.#unanswered.delete(record);
      },
      (error: unknown) => {
        const code = error instanceof ShardcastError ? error.code : String(error);
        Object.assign(record, { outcome: "failed", code });
        this.#unanswered.delete(record);
      },
    );
  }

  #acked(topic: string): void {
    const now = performance.now();
    const silenceMs = now - (this.#ackedAt.get(topic) ?? now);
    this.longestSilenceMs = Math.max(this.longestSilenceMs, silenceMs);
    this.#ackedAt.set(topic, now);
  }
}

function topicNames(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `topic ${index + 1}`);
}

function read(message: Message): SeenRecord {
  const [publisher = "", sequence = ""] = message.text().split("|", 2);
  const { epoch, offset } = message;
  return { epoch, offset, publisher, sequence: Number(sequence) };
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function until(what: string, limitMs: number, isTrue: () => boolean): Promise<void> {
  const deadline = performance.now() + limitMs;
  while (!isTrue()) {
    if (performance.now() > deadline) throw new Error(`it never came about: ${what}`);
    await sleep(POLL_MS);
  }
}
