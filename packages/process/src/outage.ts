// Logs the outage of a service that the node needs: each different fault once, and the end of the outage. While a
// cluster starts, services that are not available yet are no reason for a warning.
import type { Logger } from "pino";

/** How long after the start a service that was never reached counts as starting, in ms. */
const STARTING_MS = 30_000;
/** Maximum number of different faults that are logged per outage. */
const MAX_LOGGED = 8;

export interface OutageOptions {
  readonly logger: Logger;
  /** Logged at the beginning, with the fault. */
  readonly begins: string;
  /** Logged at the end. */
  readonly ends: string;
  /** Whether the service was reached before. @default false */
  readonly wasThere?: boolean;
}

export class Outage {
  readonly #options: OutageOptions;
  readonly #startedAt = performance.now();
  readonly #logged = new Set<string>();
  #wasReached: boolean;
  #isLogged = false;

  constructor(options: OutageOptions) {
    this.#options = options;
    this.#wasReached = options.wasThere ?? false;
  }

  /** @param fault for the log @param kind equal for faults that are logged only once */
  failed(fault: string, kind = fault): void {
    const { logger, begins } = this.#options;
    if (!this.#wasReached && performance.now() - this.#startedAt < STARTING_MS) {
      if (!this.#isLogged) logger.info({ fault }, begins);
      this.#isLogged = true;
      return;
    }
    if (this.#logged.has(kind) || this.#logged.size >= MAX_LOGGED) return;
    this.#logged.add(kind);
    this.#isLogged = true;
    logger.warn({ fault }, begins);
  }

  ended(): void {
    if (this.#wasReached && !this.#isLogged) return;
    if (this.#isLogged) this.#options.logger.info(this.#options.ends);
    this.#wasReached = true;
    this.#isLogged = false;
    this.#logged.clear();
  }
}
