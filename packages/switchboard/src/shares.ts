// What all share and none may have alone: so much in all, and so much for each address. An address is what is
// known of somebody before anything else is.

export interface ShareLimits {
  readonly inAll: number;
  readonly each: number;
}

export class Shares {
  readonly #limits: ShareLimits;
  readonly #byHolder = new Map<string, number>();
  #taken = 0;

  constructor(limits: ShareLimits) {
    this.#limits = limits;
  }

  /** Why there is no more: for this holder, or for anybody; undefined where it has been taken. */
  take(holder: string, amount: number): "each" | "inAll" | undefined {
    const held = this.#byHolder.get(holder) ?? 0;
    if (held + amount > this.#limits.each) return "each";
    if (this.#taken + amount > this.#limits.inAll) return "inAll";
    this.#byHolder.set(holder, held + amount);
    this.#taken += amount;
    return undefined;
  }

  give(holder: string, amount: number): void {
    const left = (this.#byHolder.get(holder) ?? 0) - amount;
    if (left > 0) this.#byHolder.set(holder, left);
    else this.#byHolder.delete(holder);
    this.#taken -= amount;
  }
}
