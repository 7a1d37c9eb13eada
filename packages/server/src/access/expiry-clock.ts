// Finds the tokens that expire. There is one set for each quarter of a second, so that a tick costs
// only as much as the links that are due, even with a million links.
import type { LinkAccess } from "./link-access.ts";

/**
 * How long before its end a token's expiry is announced; for a shorter token, after half of its
 * time.
 */
const NOTICE_MS = 30_000;
const SLOT_MS = 250;

export class ExpiryClock {
  readonly #slots = new Map<number, Set<LinkAccess>>();
  readonly #now: () => number;
  #next: number;

  constructor(now: () => number) {
    this.#now = now;
    this.#next = slotOf(now());
  }

  /** Schedules the announcement of the access's expiry or, after that, its end. */
  add(access: LinkAccess): void {
    this.delete(access);
    if (access.expiresAt === Infinity) return;
    const now = this.#now();
    this.#setBack(now);
    const leftMs = access.expiresAt - now;
    const at = access.isAnnounced
      ? access.expiresAt
      : now + Math.max(leftMs - NOTICE_MS, Math.floor(leftMs / 2));
    const slot = Math.max(slotOf(at), this.#next);
    access.clockSlot = slot;
    const accesses = this.#slots.get(slot) ?? new Set();
    this.#slots.set(slot, accesses.add(access));
  }

  delete(access: LinkAccess): void {
    if (access.clockSlot === undefined) return;
    const accesses = this.#slots.get(access.clockSlot);
    accesses?.delete(access);
    if (accesses?.size === 0) this.#slots.delete(access.clockSlot);
    access.clockSlot = undefined;
  }

  /** Announces or ends every access that is due. */
  tick(): void {
    const now = this.#now();
    this.#setBack(now);
    const end = slotOf(now);
    // If the clock was set far ahead, visit only the existing slots, not every slot in between.
    const due =
      end - this.#next > this.#slots.size
        ? [...this.#slots.keys()].filter((slot) => slot < end)
        : Array.from({ length: Math.max(0, end - this.#next) }, (_, index) => this.#next + index);
    this.#next = Math.max(this.#next, end);
    for (const slot of due) {
      const accesses = this.#slots.get(slot) ?? new Set();
      this.#slots.delete(slot);
      for (const access of accesses) this.#tell(access, now);
    }
  }

  /** If the clock was ahead and is corrected, slots before the old time must be visited again. */
  #setBack(now: number): void {
    this.#next = Math.min(this.#next, slotOf(now));
  }

  #tell(access: LinkAccess, now: number): void {
    access.clockSlot = undefined;
    const leftMs = access.expiresAt - now;
    if (leftMs <= 0) {
      access.holder?.expired();
      return;
    }
    if (!access.isAnnounced) {
      access.isAnnounced = true;
      access.holder?.expiring(leftMs);
    }
    this.add(access);
  }
}

function slotOf(ms: number): number {
  return Math.floor(ms / SLOT_MS);
}
