// A consumer node: owns topics by the ring, stores their messages, and fans them out; relays topics that
// others own; and passes publishes on that came over /connect.
import { ShardcastError, type RingMember } from "@shardcast/protocol";
import {
  PublishHandler,
  PublishRouter,
  ShardcastNode,
  Uplinks,
  Upstream,
  createLegacyAcceptor,
  optionInvalid,
  type NodeCore,
  type PublishTarget,
} from "@shardcast/server";
import { ConnectHandler } from "./connect-handler.ts";
import type { ConsumerOptions } from "./consumer-options.ts";
import { addConsumerMetrics } from "./consumer-metrics.ts";
import { Owner } from "./owner.ts";
import { SubscriberHandler } from "./subscriber-handler.ts";
import { openLog } from "./open-log.ts";
import { Topics } from "./topics.ts";

const TIDY_INTERVAL_MS = 100;
const PEER_WINDOW_MESSAGES = 65_536;
const PEER_TOPICS = 1_000_000;

/** Refuses what a node with another ring sent here. */
const NOT_OWNER: PublishTarget = {
  publish: (origin, head) => {
    origin.rejectInFlight(head.seq, "SHARDCAST_NOT_OWNER", "");
  },
};

/**
 * @throws SHARDCAST_OPTION_INVALID where the node is not among the consumers, SHARDCAST_PORT_TAKEN,
 * SHARDCAST_DATA_LOCKED, SHARDCAST_DATA_FOREIGN, SHARDCAST_DATA_CORRUPT
 */
export async function startConsumer(
  core: NodeCore,
  consumerOptions: ConsumerOptions,
): Promise<ShardcastNode> {
  const { options, logger, turn } = core;
  const { id, ring, maxPayloadBytes, windowMessages } = options;
  if (!ring.members.some((member) => member.id === id)) {
    throw optionInvalid(`--id ${id} is not among --consumers`);
  }
  const failed = (error: unknown): void => {
    logger.error({ error }, "a topic failed");
  };
  const log = await openLog(id, consumerOptions);
  const upstreams = new Map<string, Upstream>();
  const fanOut = { deliveries: 0, gaps: 0, pages: 0, pageBytes: 0, slowEnded: 0 };
  const topics = new Topics({
    nodeId: id,
    ring,
    log,
    turn,
    dedupe: consumerOptions.dedupe,
    maxOwned: consumerOptions.maxOwnedTopics,
    maxLag: consumerOptions.maxLag,
    tail: consumerOptions.tail,
    context: { turn, counters: fanOut, failed },
    upstreamOf: (owner) => upstreamOf(owner, upstreams, core),
  });
  const owner = new Owner({
    log,
    turn,
    failed,
    ownedTopic: (name) => (topics.hasRoomFor(name) ? topics.owned(name) : undefined),
  });
  const uplinks = new Uplinks(core, id);
  const routerTo = (elsewhere: (member: RingMember) => PublishTarget): PublishRouter =>
    new PublishRouter({
      ring,
      maxPayloadBytes,
      targetOf: (member) => (member.id === id ? owner : elsewhere(member)),
    });
  const producer = new PublishHandler(
    routerTo(() => NOT_OWNER),
    PEER_WINDOW_MESSAGES,
  );
  const publishes = new PublishHandler(
    routerTo((member) => uplinks.to(member)),
    windowMessages,
  );
  const { maxTopics } = options;
  const subscribe = new SubscriberHandler({ topics, maxTopics, isOwnedOnly: false });
  const relay = new SubscriberHandler({ topics, maxTopics: PEER_TOPICS, isOwnedOnly: true });
  addConsumerMetrics(core, { topics, owner, uplinks, log, fanOut });
  const timer = setInterval(() => {
    const now = Date.now();
    topics.tidy(now);
    log.tidy(now);
    // What that changed on disk goes there with the next commit; it need not wait for a publish.
    if (owner.isIdle) owner.flush();
  }, TIDY_INTERVAL_MS);
  timer.unref();
  const node = await ShardcastNode.listen(core, {
    role: "consumer",
    handlers: {
      producer,
      subscribe,
      relay,
      connect: new ConnectHandler(publishes, subscribe),
    },
    legacy: createLegacyAcceptor(core, { publishes, subscriptions: subscribe }),
    waitingFor: () => (owner.fault === undefined ? [] : [`the log: ${owner.fault}`]),
    drain: (deadline) => uplinks.drain(deadline),
    close: async () => {
      clearInterval(timer);
      topics.close();
      uplinks.close();
      for (const upstream of upstreams.values()) upstream.close();
      await owner.settled();
      await log.close();
    },
  }).catch(async (error: unknown) => {
    clearInterval(timer);
    await log.close();
    throw error;
  });
  uplinks.start();
  return node;
}

function upstreamOf(ownerId: string, upstreams: Map<string, Upstream>, core: NodeCore): Upstream {
  const known = upstreams.get(ownerId);
  if (known !== undefined) return known;
  const { ring, keys } = core.options;
  const member = ring.members.find(({ id }) => id === ownerId);
  if (member === undefined) throw new ShardcastError("SHARDCAST_OWNER_UNAVAILABLE");
  const upstream = new Upstream({ member, keys, logger: core.logger });
  upstreams.set(ownerId, upstream);
  return upstream;
}
