// Something that the node needs and cannot reach, told in the log: each fault once, however often it shows, and the
// end of it. While a cluster starts, parts that are not there yet are nothing to warn of.
import type { Logger } from "pino";

/** So long after the start, what was never there is expected to come. */
const STARTING_MS = 30_000;
/** Different faults of one outage that are told. */
const MAX_TOLD = 8;

export interface OutageOptions {
  readonly logger: Logger;
  /** What is logged at its beginning, with the fault, and at its end. */
  readonly begins: string;
  readonly ends: string;
  /** It was there before. @default false */
  readonly wasThere?: boolean;
}

export class Outage {
  readonly #options: OutageOptions;
  readonly #startedAt = performance.now();
  readonly #told = new Set<string>();
  #wasThere: boolean;
  #isTold = false;

  constructor(options: OutageOptions) {
    this.#options = options;
    this.#wasThere = options.wasThere ?? false;
  }

  /** @param fault for the log; the same fault has the same `kind` */
  failed(fault: string, kind = fault): void {
    const { logger, begins } = this.#options;
    if (!this.#wasThere && performance.now() - this.#startedAt < STARTING_MS) {
      if (!this.#isTold) logger.info({ fault }, begins);
      this.#isTold = true;
      return;
    }
    if (this.#told.has(kind) || this.#told.size >= MAX_TOLD) return;
    this.#told.add(kind);
    this.#isTold = true;
    logger.warn({ fault }, begins);
  }

  ended(): void {
    if (this.#wasThere && !this.#isTold) return;
    if (this.#isTold) this.#options.logger.info(this.#options.ends);
    this.#wasThere = true;
    this.#isTold = false;
    this.#told.clear();
  }
}
