// The largest payload that an owner accepts. The owner's welcome states it; it may differ from this
// node's own limit.
import { PublishHead, type RingMember } from "@shardcast/protocol";

export class PayloadLimit {
  /** Unlimited until the owner has stated its limit. */
  maxBytes = Infinity;
  readonly #owner: RingMember;

  constructor(owner: RingMember) {
    this.#owner = owner;
  }

  /** The reason for refusing a larger payload. */
  get reason(): string {
    return `${this.maxBytes} bytes are the limit of ${this.#owner.id}`;
  }

  /** Whether the payload of the publish frame between `start` and `end` exceeds the limit. */
  isExceededBy(bytes: Uint8Array, start: number, end: number): boolean {
    if (end - start <= this.maxBytes) return false;
    const head = new PublishHead();
    return head.read(bytes, start, end) && end - head.payloadStart > this.maxBytes;
  }
}
