// Epochs: random names for one life of a topic's log.
import { randomFillSync } from "node:crypto";
import { EPOCH_BYTES, type Epoch } from "@shardcast/protocol";

const EPOCHS_AT_ONCE = 512;

/**
 * Makes epochs of random bytes. Fetches the bytes for many epochs at once, since one fetch costs as
 * much as opening a topic.
 */
class EpochSource {
  readonly #bytes = Buffer.alloc(EPOCHS_AT_ONCE * EPOCH_BYTES);
  #at = this.#bytes.length;

  next(): Epoch {
    if (this.#at === this.#bytes.length) {
      randomFillSync(this.#bytes);
      this.#at = 0;
    }
    const start = this.#at;
    this.#at += EPOCH_BYTES;
    return this.#bytes.toString("hex", start, this.#at);
  }
}

const SOURCE = new EpochSource();

export function createEpoch(): Epoch {
  return SOURCE.next();
}
