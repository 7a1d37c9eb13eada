// The switchboard's Prometheus metrics. What happens often is counted in plain numbers, read at each scrape.
import { PacedText } from "@shardcast/process";
import { Counter, Gauge, Registry, collectDefaultMetrics } from "prom-client";

const PREFIX = "shardcast_switchboard_";

/** What became of a request of the back end. */
export type DownOutcome = "stored" | "unsigned" | "invalid" | "replayed" | "failed";
/** What became of the session that a client brought, or did not bring. */
export type SessionOutcome = "new" | "resumed" | "refused";

export class SwitchboardMetrics {
  readonly registry = new Registry();
  readonly #text = new PacedText(() => this.registry.metrics());
  /** Messages of clients that were stored. */
  publishedCount = 0;
  /** Frames of clients that were answered with an error. */
  refusedCount = 0;
  /** Messages sent to clients. */
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
      help: "Requests of the back end, by what became of them",
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
      help: "WebSockets opened: with a new session, a resumed one, a new one for a refused one",
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
