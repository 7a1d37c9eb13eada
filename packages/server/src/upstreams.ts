// A consumer's upstreams, one to each owner that it follows topics of; dialled when the first is followed.
import type { RingMember } from "@shardcast/protocol";
import type { NodeCore } from "./node.ts";
import { Upstream } from "./upstream.ts";

export class Upstreams {
  readonly #core: NodeCore;
  readonly #byUrl = new Map<string, Upstream>();

  readonly #opened: (member: RingMember) => void;

  /** @param opened told when a link to an owner is open, again and again */
  constructor(core: NodeCore, opened: (member: RingMember) => void) {
    this.#core = core;
    this.#opened = opened;
  }

  to(member: RingMember): Upstream {
    const known = this.#byUrl.get(member.url);
    if (known !== undefined) return known;
    const { options, logger } = this.#core;
    const upstream = new Upstream({
      ...{ member, keys: options.keys, tls: options.tls.peers, logger },
      opened: () => this.#opened(member),
    });
    this.#byUrl.set(member.url, upstream);
    return upstream;
  }

  /** Goes by the ring as it is now: a node that is no consumer any more owns nothing to follow. */
  regroup(): void {
    const urls = new Set(this.#core.membership.members.map(({ url }) => url));
    for (const [url, upstream] of this.#byUrl) {
      if (urls.has(url)) continue;
      this.#byUrl.delete(url);
      upstream.close();
    }
  }

  close(): void {
    for (const upstream of this.#byUrl.values()) upstream.close();
  }
}
