// A node's uplinks, one to each consumer but itself.
import type { Ring, RingMember } from "@shardcast/protocol";
import { Uplink, type UplinkOptions } from "./uplink.ts";

export class Uplinks {
  readonly #byId: ReadonlyMap<string, Uplink>;

  constructor(ring: Ring, selfId: string, options: Omit<UplinkOptions, "member">) {
    this.#byId = new Map(
      ring.members
        .filter(({ id }) => id !== selfId)
        .map((member) => [member.id, new Uplink({ ...options, member })]),
    );
  }

  start(): void {
    for (const uplink of this.all()) uplink.start();
  }

  all(): Uplink[] {
    return [...this.#byId.values()];
  }

  to(member: RingMember): Uplink {
    const uplink = this.#byId.get(member.id);
    if (uplink === undefined) throw new RangeError(`no uplink to ${member.id}`);
    return uplink;
  }

  /** What each owner that is out of reach is out of reach for. */
  faults(): string[] {
    return this.all()
      .filter(({ isOpen }) => !isOpen)
      .map(({ member, fault }) => `${member.id} (${member.url}): ${fault ?? ""}`);
  }

  /** Resolves when nothing waits for an ack any more, or at the deadline. */
  async drain(deadline: number): Promise<void> {
    while (Date.now() < deadline && this.all().some(({ pendingCount }) => pendingCount > 0)) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  close(): void {
    for (const uplink of this.all()) uplink.close();
  }
}
