// The cluster's consumers. Each announces itself in Redis at intervals, and is removed when it has
// not done so for `ttlMs`. All nodes read the list.
import type { RingMember } from "@shardcast/protocol";
import { nodeUrl } from "@shardcast/protocol";
import type { Logger } from "pino";
import type { Keys } from "./keys.ts";
import type { RedisConnection } from "./redis-connection.ts";
import { asTexts } from "./reply.ts";
import { BEAT, LEAVE } from "./scripts.ts";

/** How often a consumer announces itself within its `ttlMs`. */
const BEATS_PER_TTL = 5;

/** The consumers known to a node, which this class updates. */
export interface MemberList {
  readonly members: readonly RingMember[];
  /** @returns whether the members have changed */
  update(members: readonly RingMember[]): boolean;
}

export interface RedisMembersOptions {
  readonly connection: RedisConnection;
  readonly keys: Keys;
  readonly membership: MemberList;
  readonly logger: Logger;
  /** How long a consumer counts as a member after its last announcement, in ms. */
  readonly ttlMs: number;
}

export class RedisMembers {
  readonly #options: RedisMembersOptions;
  #timer: NodeJS.Timeout | undefined;
  #self: RingMember | undefined;
  #isBeating = false;

  constructor(options: RedisMembersOptions) {
    this.#options = options;
  }

  /** Starts to read the list, as soon as Redis is connected. */
  start(): void {
    const { connection, keys, ttlMs, logger } = this.#options;
    this.#timer = setInterval(() => void this.#beat(), ttlMs / BEATS_PER_TTL);
    connection
      .subscribe(keys.nodes, () => void this.#beat())
      .catch((error: unknown) => {
        logger.warn({ error }, "changes of the consumers are seen a little later");
      });
    void this.#beat();
  }

  /** Announces this node as a consumer, as soon as Redis is reachable. */
  join(self: RingMember): void {
    this.#self = self;
    if (this.#timer !== undefined) void this.#beat();
  }

  /** Removes this node from the consumers, so that the others take over its shards at once. */
  async leave(): Promise<void> {
    const { connection, keys, membership, logger } = this.#options;
    const self = this.#self;
    this.#self = undefined;
    if (self === undefined) return;
    try {
      await connection.run(LEAVE, [keys.nodes, keys.nodeUrls], [self.id]);
      membership.update(membership.members.filter(({ id }) => id !== self.id));
    } catch (error) {
      logger.warn({ error }, "the others will notice later that this node is gone");
    }
  }

  close(): void {
    clearInterval(this.#timer);
  }

  async #beat(): Promise<void> {
    if (this.#isBeating) return;
    this.#isBeating = true;
    const { membership, logger } = this.#options;
    try {
      if (membership.update(await this.#ask())) {
        logger.info({ consumers: membership.members }, "the consumers are others now");
      }
    } catch {
      // While Redis is unreachable, the ring stays as it was; the connection reports the reason.
    }
    this.#isBeating = false;
  }

  async #ask(): Promise<RingMember[]> {
    const { connection, keys, ttlMs } = this.#options;
    const args = [this.#self?.id ?? "", this.#self?.url ?? "", String(ttlMs)];
    const texts = asTexts(await connection.run(BEAT, [keys.nodes, keys.nodeUrls], args));
    return texts.flatMap((id, index) => {
      const url = nodeUrl(texts[index + 1] ?? "");
      return index % 2 === 0 && url !== undefined ? [{ id, url }] : [];
    });
  }
}
