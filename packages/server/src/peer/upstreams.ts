// A consumer's upstreams, one to each owner that it follows topics of; dialled when the first is followed.
import type { RingMember } from "@shardcast/protocol";
import type { PskKeys } from "@shardcast/protocol/proof";
import type { Logger } from "pino";
import type { Membership } from "../cluster/membership.ts";
import type { TlsOptions } from "../options/tls.ts";
import { Upstream } from "./upstream.ts";

/** What upstreams need of their node. */
export interface UpstreamsContext {
  readonly options: { readonly keys: PskKeys; readonly tls: TlsOptions };
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

  /** Calls back each time that a link to an owner opens. */
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
      logger,
      onOpen: () => this.#onOpen(member),
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
