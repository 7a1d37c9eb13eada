// A node's uplinks, one to each consumer except itself.
import type { PskKeys } from "@shardcast/protocol/proof";
import type { Runtime } from "@shardcast/process";
import type { Logger } from "pino";
import { isSameMember, type RingMember } from "@shardcast/protocol";
import type { Membership } from "../cluster/membership.ts";
import type { TlsOptions } from "../options/tls.ts";
import type { MovedPublish } from "../publish/moved-publish.ts";
import type { Turn } from "../turn/turn.ts";
import { Peer, type Dial } from "./peer.ts";
import { Uplink } from "./uplink.ts";

/** The most publishes in flight to one owner. */
const WINDOW_MESSAGES = 65_536;
/**
 * The most bytes in flight to one owner, and the most bytes that may wait while it is unavailable.
 */
const WINDOW_BYTES = 64 * 1024 * 1024;

/** The parts of a node that uplinks use. */
export interface UplinksContext {
  readonly options: {
    readonly keys: PskKeys;
    readonly tls: TlsOptions;
    readonly publishTimeoutMs: number;
    readonly dial?: Dial | undefined;
  };
  readonly membership: Membership;
  readonly logger: Logger;
  readonly turn: Turn;
  readonly runtime: Runtime;
}

export class Uplinks {
  readonly #core: UplinksContext;
  readonly #membership: Membership;
  readonly #byId = new Map<string, Uplink>();
  #isStarted = false;

  constructor(core: UplinksContext) {
    this.#core = core;
    this.#membership = core.membership;
    this.#open();
  }

  start(): void {
    this.#isStarted = true;
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

  /** For each owner that is unavailable, its id and the reason. */
  faults(): string[] {
    return this.all()
      .filter(({ isOpen }) => !isOpen)
      .map(({ member, fault }) => `${member.id}: ${fault ?? ""}`);
  }

  /**
   * Applies the current ring.
   * @returns the publishes without an answer whose topics have another owner now, in order within
   * each topic
   */
  regroup(): MovedPublish[] {
    const moved: MovedPublish[] = [];
    for (const uplink of this.all()) {
      const { id } = uplink.member;
      const isMember = this.#membership.members.some((one) => isSameMember(one, uplink.member));
      moved.push(
        ...uplink.takeMoved((topic) => isMember && this.#membership.ownerOf(topic)?.id === id),
      );
      if (isMember) continue;
      this.#byId.delete(id);
      uplink.close();
    }
    this.#open();
    return moved;
  }

  /** Resolves when no publish waits for an ack, or at the deadline. */
  async drain(deadline: number): Promise<void> {
    while (
      performance.now() < deadline &&
      this.all().some(({ pendingCount }) => pendingCount > 0)
    ) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  close(): void {
    for (const uplink of this.all()) uplink.close();
  }

  #open(): void {
    const { options, logger, turn, runtime } = this.#core;
    const { keys, publishTimeoutMs, dial } = options;
    const tls = options.tls.peers;
    for (const member of this.#membership.peers) {
      if (this.#byId.has(member.id)) continue;
      const uplink = new Uplink({
        member,
        createPeer: (handler) =>
          new Peer({ member, endpoint: "producer", keys, tls, logger, dial }, handler),
        runtime,
        turn,
        windowMessages: WINDOW_MESSAGES,
        windowBytes: WINDOW_BYTES,
        publishTimeoutMs,
      });
      this.#byId.set(member.id, uplink);
      if (this.#isStarted) uplink.start();
    }
  }
}
