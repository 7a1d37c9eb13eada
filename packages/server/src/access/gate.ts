// Admits clients without the pre-shared key: verifies their tokens, counts their links, and
// notifies links when their tokens expire.
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
  /** Undefined if no token is accepted. */
  readonly verifier: TokenVerifier | undefined;
  /** The permissions of clients with an empty token; undefined if such clients are not admitted. */
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
  /** By user or, for anonymous clients, by address. */
  readonly #usages = new Map<string, UserUsage>();
  /** Usages without a link. Each is deleted as soon as a new one would allow no more. */
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
   * Returns the identity in a token. An empty token is that of an anonymous client.
   * @throws SHARDCAST_TOKEN_INVALID, SHARDCAST_TOKEN_EXPIRED, SHARDCAST_TOKEN_KEYS_UNAVAILABLE
   */
  async identify(token: string): Promise<Identity> {
    try {
      const identity = await this.inspect(token);
      this.counters.accepted += 1;
      return identity;
    } catch (error) {
      this.counters.refused += 1;
      throw error;
    }
  }

  /** Like `identify`, for a token that nobody uses here: it is not counted. */
  async inspect(token: string): Promise<Identity> {
    const { verifier, anonymous } = this.#options;
    if (token === "") {
      if (anonymous !== undefined) {
        return {
          user: "",
          permissions: anonymous,
          grantedBy: "--anonymous",
          expiresAt: Infinity,
        };
      }
      throw new ShardcastError("SHARDCAST_TOKEN_INVALID", "it is empty");
    }
    if (verifier === undefined) {
      throw new ShardcastError("SHARDCAST_TOKEN_INVALID", "the node accepts none");
    }
    return verifier.verify(token);
  }

  /**
   * Refuses an address that has reached its link limit, before its token is verified.
   * @throws SHARDCAST_LINKS_LIMIT
   */
  admit(address: string): void {
    const { linksPerAddress } = this.#options.limits;
    if ((this.#linksByAddress.get(addressGroup(address)) ?? 0) >= linksPerAddress) {
      throw new ShardcastError("SHARDCAST_LINKS_LIMIT", `${linksPerAddress} from one address`);
    }
  }

  /**
   * Admits a link. The caller must call `leave` when the link ends.
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

  /**
   * Returns the access of a single request. Anonymous requests from one address share their limits.
   */
  visit(identity: Identity, address: string): LinkAccess {
    return this.#accessOf(identity, address, this.#usageOf(identity.user, address));
  }

  /** Returns the access of a request whose sender is known and has no limits. */
  trust(identity: Identity, address: string): LinkAccess {
    const context = { limits: UNLIMITED, now: this.#now };
    return new LinkAccess(identity, address, undefined, context);
  }

  /** From now on, notifies the holder when its access is about to expire, and when it expires. */
  watch(access: LinkAccess, holder: AccessHolder): void {
    access.holder = holder;
    this.#clock.add(access);
  }

  /**
   * Replaces the access's token. @throws as `identify` does, and SHARDCAST_TOKEN_INVALID if the
   * token is another user's
   */
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
 * The key under which a client's publishes are counted. Anonymous clients are counted by address;
 * otherwise each new link would start with a full allowance. User names have no control characters,
 * so the keys differ.
 */
function publisherOf(user: string, address: string): string {
  return user === "" ? `\0${addressGroup(address)}` : user;
}
