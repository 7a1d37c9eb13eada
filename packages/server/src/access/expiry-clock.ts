// When tokens expire: one list for each quarter of a second, so that a million links cost what those cost that are due.
import type { LinkAccess } from "./link-access.ts";

/** So long before the end it is announced, or at half of the time where that is less. */
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

  /** Notes when the access is to be announced the end of, or ended. */
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

  /** Tells all that are due. */
  tick(): void {
    const now = this.#now();
    this.#setBack(now);
    const end = slotOf(now);
    // A clock that was set far ahead: what there is, instead of every second in between.
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

  /** A clock that was ahead, and set right: what expires before it gets there again must not wait for that. */
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
