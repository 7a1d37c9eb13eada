// Lets clients in that hold no pre-shared key: checks their tokens, counts their links, and tells them when
// their time is over.
import { addressGroup } from "@shardcast/process";
import { ShardcastError, type Permissions } from "@shardcast/protocol";
import { UNLIMITED, type AccessLimits } from "./access-limits.ts";
import { ExpiryClock } from "./expiry-clock.ts";
import type { Identity } from "./identity.ts";
import { LinkAccess, type AccessHolder } from "./link-access.ts";
import { NewTopics } from "./new-topics.ts";
import type { TokenVerifier } from "./token-verifier.ts";
import { UserUsage } from "./user-usage.ts";

const TICK_MS = 250;

export interface GateOptions {
  /** Undefined where no token is accepted. */
  readonly verifier: TokenVerifier | undefined;
  /** What those may do who bring an empty token; undefined where they are not let in. */
  readonly anonymous: Permissions | undefined;
  readonly limits: AccessLimits;
  /** @default Date.now */
  readonly now?: () => number;
}

export class Gate {
  readonly counters = { accepted: 0, refused: 0 };
  readonly #options: GateOptions;
  readonly #now: () => number;
  readonly #clock: ExpiryClock;
  readonly #linksByAddress = new Map<string, number>();
  /** By user, or by address where they are nobody. */
  readonly #usages = new Map<string, UserUsage>();
  /** Those without a link, who are forgotten as soon as that would allow them no more. */
  readonly #unlinked = new Map<string, UserUsage>();
  readonly #newTopics: NewTopics;
  readonly #timer: NodeJS.Timeout;

  constructor(options: GateOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#clock = new ExpiryClock(this.#now);
    this.#newTopics = new NewTopics(options.limits.newTopicsPerSecond);
    this.#timer = setInterval(() => this.tick(), TICK_MS);
    this.#timer.unref();
  }

  /**
   * Who brings a token; an empty one is nobody's.
   * @throws SHARDCAST_TOKEN_INVALID, SHARDCAST_TOKEN_EXPIRED, SHARDCAST_TOKEN_KEYS_UNAVAILABLE
   */
  async identify(token: string): Promise<Identity> {
    try {
      const identity = await this.#identify(token);
      this.counters.accepted += 1;
      return identity;
    } catch (error) {
      this.counters.refused += 1;
      throw error;
    }
  }

  /**
   * Refuses an address that has as many links as it may: its tokens need not be looked at.
   * @throws SHARDCAST_LINKS_LIMIT
   */
  admit(address: string): void {
    const { linksPerAddress } = this.#options.limits;
    if ((this.#linksByAddress.get(addressGroup(address)) ?? 0) >= linksPerAddress) {
      throw new ShardcastError("SHARDCAST_LINKS_LIMIT", `${linksPerAddress} from one address`);
    }
  }

  /**
   * Lets a link in; `leave` has to be called for it.
   * @throws SHARDCAST_LINKS_LIMIT
   */
  enter(identity: Identity, address: string): LinkAccess {
    const { linksPerUser } = this.#options.limits;
    const group = addressGroup(address);
    this.admit(address);
    const usage = this.#usageOf(identity.user, address);
    if (identity.user !== "" && usage.linkCount >= linksPerUser) {
      throw new ShardcastError("SHARDCAST_LINKS_LIMIT", `${linksPerUser} of one user`);
    }
    this.#linksByAddress.set(group, (this.#linksByAddress.get(group) ?? 0) + 1);
    usage.linkCount += 1;
    this.#unlinked.delete(publisherOf(identity.user, address));
    return this.#accessOf(identity, address, usage);
  }

  /** What a single request may do. Requests of nobody count together where they come from one address. */
  visit(identity: Identity, address: string): LinkAccess {
    return this.#accessOf(identity, address, this.#usageOf(identity.user, address));
  }

  /** What a request may do whose sender is known and has no limits. */
  trust(identity: Identity, address: string): LinkAccess {
    const context = { limits: UNLIMITED, now: this.#now };
    return new LinkAccess(identity, address, undefined, context);
  }

  /** Whoever holds the access is told of its end from now on. */
  watch(access: LinkAccess, holder: AccessHolder): void {
    access.holder = holder;
    this.#clock.add(access);
  }

  /** @throws as `identify`, and SHARDCAST_TOKEN_INVALID where the token is another user's */
  async renew(access: LinkAccess, token: string): Promise<void> {
    const identity = await this.identify(token);
    if (identity.user !== access.user) {
      throw new ShardcastError("SHARDCAST_TOKEN_INVALID", "it is another user's");
    }
    access.renew(identity);
    if (access.holder !== undefined) this.#clock.add(access);
  }

  leave(access: LinkAccess): void {
    access.holder = undefined;
    this.#clock.delete(access);
    const group = addressGroup(access.address);
    const links = (this.#linksByAddress.get(group) ?? 1) - 1;
    if (links > 0) this.#linksByAddress.set(group, links);
    else this.#linksByAddress.delete(group);
    const publisher = publisherOf(access.user, access.address);
    const usage = this.#usages.get(publisher);
    if (usage === undefined) return;
    usage.linkCount -= 1;
    if (usage.linkCount === 0) this.#unlinked.set(publisher, usage);
  }

  /** Called by the timer. */
  tick(): void {
    this.#clock.tick();
    const now = this.#now();
    this.#newTopics.tidy(now);
    for (const [publisher, usage] of this.#unlinked) {
      if (!usage.isIdle(now)) continue;
      this.#unlinked.delete(publisher);
      this.#usages.delete(publisher);
    }
  }

  close(): void {
    clearInterval(this.#timer);
  }

  async #identify(token: string): Promise<Identity> {
    const { verifier, anonymous } = this.#options;
    if (token === "") {
      if (anonymous !== undefined) {
        return { user: "", permissions: anonymous, expiresAt: Infinity };
      }
      throw new ShardcastError("SHARDCAST_TOKEN_INVALID", "it is empty");
    }
    if (verifier === undefined) {
      throw new ShardcastError("SHARDCAST_TOKEN_INVALID", "the node accepts none");
    }
    return verifier.verify(token);
  }

  #usageOf(user: string, address: string): UserUsage {
    const publisher = publisherOf(user, address);
    const { userPublishesPerSecond, userPublishBytesPerSecond } = this.#options.limits;
    let usage = this.#usages.get(publisher);
    if (usage === undefined) {
      usage = new UserUsage(userPublishesPerSecond, userPublishBytesPerSecond, this.#now());
      this.#usages.set(publisher, usage);
      this.#unlinked.set(publisher, usage);
    }
    return usage;
  }

  #accessOf(identity: Identity, address: string, usage: UserUsage): LinkAccess {
    const { limits } = this.#options;
    const context = { limits, now: this.#now, newTopics: this.#newTopics };
    return new LinkAccess(identity, address, usage, context);
  }
}

/**
 * Whose publishes are counted together. Those who are nobody are told apart by their addresses: else a link after
 * the other would each begin anew. No user has a control character.
 */
function publisherOf(user: string, address: string): string {
  return user === "" ? `\0${addressGroup(address)}` : user;
}
