// Divides a resource among holders, such as users or addresses: limits the total, and the part of each holder. An
// amount with several holders counts for each of them.

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

  get taken(): number {
    return this.#taken;
  }

  /** Takes an amount. Returns the limit that prevents it: one holder's or the total; undefined if it was taken. */
  take(holders: readonly string[], amount: number): "each" | "inAll" | undefined {
    const { each, inAll } = this.#limits;
    for (const holder of holders) {
      if ((this.#byHolder.get(holder) ?? 0) + amount > each) return "each";
    }
    if (this.#taken + amount > inAll) return "inAll";
    for (const holder of holders) {
      this.#byHolder.set(holder, (this.#byHolder.get(holder) ?? 0) + amount);
    }
    this.#taken += amount;
    return undefined;
  }

  give(holders: readonly string[], amount: number): void {
    for (const holder of holders) {
      const left = (this.#byHolder.get(holder) ?? 0) - amount;
      if (left > 0) this.#byHolder.set(holder, left);
      else this.#byHolder.delete(holder);
    }
    this.#taken -= amount;
  }
}
