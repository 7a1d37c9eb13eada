// Epochs of topics without messages. The log stores nothing for such a topic: its epoch is derived
// from its name, the log's secret and the current half day. A client that received the epoch can
// resume with it later; it has missed nothing before the first message.
//
// No epoch is used twice. A topic is forgotten no sooner than FORGET_AFTER_MS after its last
// message, and the derived epoch has changed by then. For the same reason an epoch of the previous
// half day is still valid: messages stored since then cannot have been forgotten yet. If the clock
// is set back, a new secret is created.
import { createHmac, randomBytes } from "node:crypto";
import { EPOCH_BYTES, type Epoch, type Position } from "@shardcast/protocol";
import { FORGET_AFTER_MS } from "./log.ts";

const SECRET_BYTES = 16;
const PERIOD_MS = FORGET_AFTER_MS / 2;

/** The secret from which the epochs are derived. A log that outlives its process stores it. */
export interface BirthSecret {
  readonly bytes: Buffer;
  /** The last half day in which the secret was used. */
  readonly period: number;
}

export class BirthEpochs {
  readonly #now: () => number;
  readonly #keep: (secret: BirthSecret) => void;
  #secret: BirthSecret;

  /**
   * @param known the stored secret, if any
   * @param keep called with the secret each time it changes
   */
  constructor(
    now: () => number,
    known?: BirthSecret,
    keep: (secret: BirthSecret) => void = () => undefined,
  ) {
    this.#now = now;
    this.#keep = keep;
    this.#secret = known ?? { bytes: randomBytes(SECRET_BYTES), period: -1 };
    this.#current();
  }

  of(topic: string): Epoch {
    return epochOf(this.#current(), topic);
  }

  /**
   * Whether a position was issued for this topic before it had messages, in this or the previous
   * half day.
   */
  isFresh(topic: string, { epoch, offset }: Position): boolean {
    if (offset !== 0) return false;
    const { bytes, period } = this.#current();
    return [period, period - 1].some((one) => epochOf({ bytes, period: one }, topic) === epoch);
  }

  #current(): BirthSecret {
    const period = Math.floor(this.#now() / PERIOD_MS);
    const known = this.#secret;
    if (period === known.period) return known;
    const bytes = period < known.period ? randomBytes(SECRET_BYTES) : known.bytes;
    this.#secret = { bytes, period };
    this.#keep(this.#secret);
    return this.#secret;
  }
}

function epochOf({ bytes, period }: BirthSecret, topic: string): Epoch {
  const digest = createHmac("sha256", bytes).update(`${period} ${topic}`).digest();
  return digest.toString("hex", 0, EPOCH_BYTES);
}
