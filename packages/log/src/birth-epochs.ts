// Epochs of topics that have no messages yet. Nothing is stored of such a topic: its epoch follows from its name, a
// secret of the log, and the half day. Whoever was told it may come back later, and has missed nothing before the
// first message.
//
// No epoch is given twice: a topic is forgotten FORGET_AFTER_MS after its last message at the soonest, and has another
// epoch by then. For the same reason one of the half day before is as good as the present one: what was stored since
// cannot be forgotten yet. Where the clock was set back, the secret is another one.
import { createHmac, randomBytes } from "node:crypto";
import { EPOCH_BYTES, type Epoch, type Position } from "@shardcast/protocol";
import { FORGET_AFTER_MS } from "./log.ts";

const SECRET_BYTES = 16;
const PERIOD_MS = FORGET_AFTER_MS / 2;

/** What the epochs follow from. A log that outlives its process keeps it. */
export interface BirthSecret {
  readonly bytes: Buffer;
  /** The last half day that it was used in. */
  readonly period: number;
}

export class BirthEpochs {
  readonly #now: () => number;
  readonly #keep: (secret: BirthSecret) => void;
  #secret: BirthSecret;

  /**
   * @param known the secret as it was kept
   * @param keep told of every change of it
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

  /** The epoch of a topic without messages. */
  of(topic: string): Epoch {
    return epochOf(this.#current(), topic);
  }

  /** Whether a position was told of a topic before it had messages, and not so long ago that it could be forgotten. */
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
