// A node's uplinks, one to each consumer but itself.
import type { RingMember } from "@shardcast/protocol";
import type { NodeCore } from "./node.ts";
import { Uplink } from "./uplink.ts";

/** Publishes on their way to one owner at once. */
const WINDOW_MESSAGES = 65_536;
/** Bytes on their way to one owner, and bytes that may wait while it is out of reach. */
const WINDOW_BYTES = 64 * 1024 * 1024;

export class Uplinks {
  readonly #byId: ReadonlyMap<string, Uplink>;

  /** @param selfId the consumer that this node itself is, if any */
  constructor({ options, logger, turn }: NodeCore, selfId?: string) {
    const { ring, keys, publishTimeoutMs } = options;
    const common = { keys, logger, turn, publishTimeoutMs };
    const window = { windowMessages: WINDOW_MESSAGES, windowBytes: WINDOW_BYTES };
    this.#byId = new Map(
      ring.members
        .filter(({ id }) => id !== selfId)
        .map((member) => [member.id, new Uplink({ ...common, ...window, member })]),
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
