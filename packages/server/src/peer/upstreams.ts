// A consumer's upstreams, one per owner whose topics it relays. Each is dialled when its first
// topic is subscribed to.
import type { RingMember } from "@shardcast/protocol";
import type { PskKeys } from "@shardcast/protocol/proof";
import type { Logger } from "pino";
import type { Membership } from "../cluster/membership.ts";
import type { TlsOptions } from "../options/tls.ts";
import type { Dial } from "./peer.ts";
import { Upstream } from "./upstream.ts";

/** The parts of a node that upstreams use. */
export interface UpstreamsContext {
  readonly options: {
    readonly keys: PskKeys;
    readonly tls: TlsOptions;
    readonly dial?: Dial | undefined;
  };
  readonly membership: Membership;
  readonly logger: Logger;
}

export class Upstreams {
  readonly #core: UpstreamsContext;
  readonly #byUrl = new Map<string, Upstream>();
  #onOpen: (member: RingMember) => void = () => undefined;

  constructor(core: UpstreamsContext) {
    this.#core = core;
  }

  /** Sets the function that is called each time that a link to an owner opens. */
  onOpen(callback: (member: RingMember) => void): void {
    this.#onOpen = callback;
  }

  to(member: RingMember): Upstream {
    const known = this.#byUrl.get(member.url);
    if (known !== undefined) return known;
    const { options, logger } = this.#core;
    const upstream = new Upstream({
      member,
      keys: options.keys,
      tls: options.tls.peers,
      dial: options.dial,
      logger,
      onOpen: () => this.#onOpen(member),
    });
    this.#byUrl.set(member.url, upstream);
    return upstream;
  }

  /**
   * Applies the current ring: closes the upstreams to nodes that are no longer consumers, and so
   * own no topics.
   */
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
