// Which consumers there are, by what they say in Redis: each says that it is there, again and again, and is
// forgotten when it has not for its time. All nodes follow.
import type { RingMember } from "@shardcast/protocol";
import { nodeUrl } from "@shardcast/protocol";
import type { Logger } from "pino";
import type { Keys } from "./keys.ts";
import type { RedisConnection } from "./redis-connection.ts";
import { asTexts } from "./reply.ts";
import { BEAT, LEAVE } from "./scripts.ts";

/** So often within its time a consumer says that it is there. */
const BEATS_PER_TTL = 5;

/** The consumers that a node knows, which this keeps up to date. */
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
  /** How long a consumer that says nothing counts as there. */
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

  /** Begins, when Redis is there. */
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

  /** This node is a consumer from now on, as soon as Redis knows. */
  join(self: RingMember): void {
    this.#self = self;
    if (this.#timer !== undefined) void this.#beat();
  }

  /** This node is none any more: the others take its shards at once. */
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
      // While Redis is out of reach, the ring stays as it was; its connection tells why.
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
