// What all share and none may have alone: so much in all, and so much for each holder, such as a user or an
// address. What has several holders counts against each of them.

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

  /** Why there is no more: for one of these holders, or for anybody; undefined where it has been taken. */
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
