// The Prometheus metrics of a node. Hot code counts in plain numbers, which are read at each
// scrape.
import { PacedText } from "@shardcast/process";
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from "prom-client";

/** A number that is read at each scrape. */
export interface MetricSource {
  /** Without the prefix `shardcast_`. The name of a counter ends in `_total`. */
  readonly name: string;
  readonly help: string;
  readonly value: () => number;
}

/** A distribution that is computed at each scrape. */
export interface HistogramSource {
  readonly name: string;
  readonly help: string;
  readonly buckets: number[];
  readonly values: () => Iterable<number>;
}

export class NodeMetrics {
  readonly handshakes = { handshakes: 0, handshakeFailures: 0 };
  readonly #registry = new Registry();
  readonly #text = new PacedText(() => this.#registry.metrics());

  /** @param hasProcess whether to include memory, CPU, and other metrics of the process */
  constructor(labels: Readonly<Record<string, string>>, { hasProcess } = { hasProcess: true }) {
    this.#registry.setDefaultLabels(labels);
    if (hasProcess) collectDefaultMetrics({ register: this.#registry });
    this.counters([
      {
        name: "handshakes_total",
        help: "Handshakes that succeeded",
        value: () => this.handshakes.handshakes,
      },
      {
        name: "handshake_failures_total",
        help: "Handshakes that failed: wrong key, bad frame, timeout",
        value: () => this.handshakes.handshakeFailures,
      },
    ]);
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  counters(sources: readonly MetricSource[]): void {
    for (const { name, help, value } of sources) {
      new Counter({
        name: `shardcast_${name}`,
        help,
        registers: [this.#registry],
        collect() {
          this.reset();
          this.inc(value());
        },
      });
    }
  }

  gauges(sources: readonly MetricSource[]): void {
    for (const { name, help, value } of sources) {
      new Gauge({
        name: `shardcast_${name}`,
        help,
        registers: [this.#registry],
        collect() {
          this.set(value());
        },
      });
    }
  }

  /** These histograms show the current state, not past events: each scrape starts from zero. */
  histograms(sources: readonly HistogramSource[]): void {
    for (const { name, help, buckets, values } of sources) {
      new Histogram({
        name: `shardcast_${name}`,
        help,
        buckets,
        registers: [this.#registry],
        collect() {
          this.reset();
          for (const value of values()) this.observe(value);
        },
      });
    }
  }

  render(): Promise<string> {
    return this.#text.get();
  }
}
