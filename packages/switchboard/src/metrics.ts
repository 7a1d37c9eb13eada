// The switchboard's Prometheus metrics. Frequent events are counted in plain numbers, which are read at each scrape.
import { PacedText } from "@shardcast/process";
import { Counter, Gauge, Registry, collectDefaultMetrics } from "prom-client";

const PREFIX = "shardcast_switchboard_";

/** The outcome of a request of the back end. */
export type DownOutcome = "stored" | "unsigned" | "invalid" | "replayed" | "failed";
/** The outcome of a client's session: resumed, refused, or a new one. */
export type SessionOutcome = "new" | "resumed" | "refused";

export class SwitchboardMetrics {
  readonly registry = new Registry();
  readonly #text = new PacedText(() => this.registry.metrics());
  /** Number of stored messages of clients. */
  publishedCount = 0;
  /** Number of client frames that were answered with an error. */
  refusedCount = 0;
  /** Number of messages sent to clients. */
  deliveredCount = 0;
  readonly #downs: Counter<"outcome">;
  readonly #signatureFaults: Counter<"code">;
  readonly #sessions: Counter<"outcome">;

  constructor() {
    const registers = [this.registry];
    collectDefaultMetrics({ register: this.registry });
    this.#counter(
      "published_total",
      "Messages of clients that were stored",
      () => this.publishedCount,
    );
    this.#counter("refused_total", "Frames of clients refused", () => this.refusedCount);
    this.#counter("delivered_total", "Messages sent to clients", () => this.deliveredCount);
    this.#downs = new Counter({
      name: `${PREFIX}back_end_requests_total`,
      help: "Requests of the back end, by outcome",
      labelNames: ["outcome"],
      registers,
    });
    this.#signatureFaults = new Counter({
      name: `${PREFIX}signature_faults_total`,
      help: "Requests whose signature was refused, by code",
      labelNames: ["code"],
      registers,
    });
    this.#sessions = new Counter({
      name: `${PREFIX}sessions_total`,
      help: "Opened WebSockets, by outcome: new session, resumed session, or new session because one was refused",
      labelNames: ["outcome"],
      registers,
    });
  }

  /** @param value read at each scrape */
  gauge(name: string, help: string, value: () => number): void {
    new Gauge({
      name: `${PREFIX}${name}`,
      help,
      registers: [this.registry],
      collect() {
        this.set(value());
      },
    });
  }

  render(): Promise<string> {
    return this.#text.get();
  }

  countDown(outcome: DownOutcome): void {
    this.#downs.inc({ outcome });
  }

  countSignatureFault(code: string): void {
    this.#signatureFaults.inc({ code });
  }

  countSession(outcome: SessionOutcome): void {
    this.#sessions.inc({ outcome });
  }

  #counter(name: string, help: string, value: () => number): void {
    new Counter({
      name: `${PREFIX}${name}`,
      help,
      registers: [this.registry],
      collect() {
        this.reset();
        this.inc(value());
      },
    });
  }
}
