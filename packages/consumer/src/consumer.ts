// A consumer node: owns topics by the ring, stores their messages, and fans them out; relays topics that
// others own; and passes publishes on that came over /connect.
import { DamageTally } from "@shardcast/log";
import { followedTopicFault, type RingMember } from "@shardcast/protocol";
import {
  PublishHandler,
  PublishRouter,
  ShardcastNode,
  Uplinks,
  Upstreams,
  createLegacyAcceptor,
  optionInvalid,
  type NodeCore,
  type PublishTarget,
} from "@shardcast/server";
import { ConnectHandler } from "./links/connect-handler.ts";
import { advertisedUrl } from "./start/advertised-url.ts";
import type { ConsumerOptions } from "./start/consumer-options.ts";
import { addConsumerMetrics } from "./consumer-metrics.ts";
import { FanOutCounters } from "./fan-out/fan-out-counters.ts";
import { Owner } from "./owner/owner.ts";
import { Attendance } from "./presence/attendance.ts";
import { OwnPublisher } from "./presence/own-publisher.ts";
import { deskOf } from "./presence/presence-desk.ts";
import { PresenceHandler } from "./presence/presence-handler.ts";
import { PresenceOwner } from "./presence/presence-owner.ts";
import { addPresenceRoute } from "./presence/presence-route.ts";
import { Occupancy } from "./fan-out/occupancy.ts";
import { addTopicRoutes } from "./http/topic-routes.ts";
import { Push } from "./push/push.ts";
import { addPushMetrics } from "./push/push-metrics.ts";
import { addPushRoutes } from "./push/push-routes.ts";
import { nodePublishFault, relayedTopicFault } from "./push/push-topic.ts";
import { SubscriberHandler } from "./links/subscriber-handler.ts";
import { openLog } from "./start/open-log.ts";
import { Topics } from "./topics/topics.ts";

const TIDY_INTERVAL_MS = 250;
const PEER_WINDOW_MESSAGES = 65_536;
const PEER_TOPICS = 1_000_000;
/** Questions about presence that a client's link may have without an answer. */
const PRESENCE_WINDOW = 16;

/** Refuses what a node with another ring sent here. */
const NOT_OWNER: PublishTarget = {
  publish: (origin, { seq, topic }) => {
    origin.refuseInFlight({ seq, topic, code: "SHARDCAST_NOT_OWNER", reason: "" });
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
  const { options, membership, logger, turn } = core;
  const { id, consumers, maxPayloadBytes, windowMessages } = options;
  if (consumers.type === "list" && membership.self === undefined) {
    throw optionInvalid(`--id ${id} is not among --consumers`);
  }
  const failed = (error: unknown): void => {
    logger.error({ error }, "a topic failed");
  };
  const { now, cutoff } = core.clock;
  const damage = new DamageTally((found) => {
    logger.error(found, "what is stored is damaged, and left out");
  });
  const { redis: redisOptions } = consumerOptions;
  const engine = redisOptions === undefined ? undefined : await import("@shardcast/redis");
  const redis =
    engine === undefined || redisOptions === undefined
      ? undefined
      : new engine.RedisCluster(redisOptions, membership, logger);
  const shared =
    engine === undefined || redis === undefined
      ? undefined
      : new engine.RedisSource({
          connection: redis.connection,
          keys: redis.keys,
          logger,
          damage,
          now,
        });
  const log = await openLog(id, consumerOptions, { redis, damage, clock: { now, cutoff } });
  const upstreams = new Upstreams(core, (member) => attendance.reached(member));
  const fanOut = new FanOutCounters();
  const topics = new Topics({
    membership,
    log,
    turn,
    dedupe: consumerOptions.dedupe,
    maxOwned: consumerOptions.maxOwnedTopics,
    maxLag: consumerOptions.maxLag,
    now,
    tail: consumerOptions.tail,
    context: { turn, counters: fanOut, failed },
    occupancy: new Occupancy({
      ...{ events: core.events, membership, isLogShared: shared !== undefined },
    }),
    upstreamOf: (owner) => upstreams.to(owner),
    shared,
  });
  const owner = new Owner({
    log,
    turn,
    now,
    failed,
    publishTimeoutMs: options.publishTimeoutMs,
    hasRoomFor: (name) => topics.hasRoomFor(name),
    ownedTopic: (name) => topics.owned(name),
    stored: (name, first) => push.stored(name, first),
  });
  const ownPublisher = new OwnPublisher(owner);
  const presence = new PresenceOwner({
    owns: (topic) => membership.owns(topic),
    timeoutMs: consumerOptions.presenceTimeoutMs,
    maxMembers: consumerOptions.maxPresent,
    publish: (topic, text) => ownPublisher.publish(topic, text),
    positionOf: (topic) => topics.positionOf(topic),
  });
  const attendance: Attendance = new Attendance({
    membership,
    owner: presence,
    upstreamTo: (member) => upstreams.to(member),
    maxMembers: options.maxTopics,
    maxEach: consumerOptions.maxPresentEach,
    watched: () => topics.presenceNames(),
  });
  const uplinks = new Uplinks(core);
  const { publishTimeoutMs } = options;
  const routing = { membership, maxPayloadBytes, publishTimeoutMs };
  const producer = new PublishHandler(
    new PublishRouter({
      ...routing,
      topicFault: nodePublishFault,
      targetOf: (member) => (membership.isSelf(member) ? owner : NOT_OWNER),
    }),
    PEER_WINDOW_MESSAGES,
  );
  const targetOf = (member: RingMember): PublishTarget =>
    membership.isSelf(member) ? owner : uplinks.to(member);
  const router = new PublishRouter({ ...routing, targetOf });
  /** For what this node has to say itself. */
  const nodeRouter = new PublishRouter({ ...routing, targetOf, topicFault: nodePublishFault });
  const own = new PublishHandler(nodeRouter, PEER_WINDOW_MESSAGES);
  const publishes = new PublishHandler(router, windowMessages);
  const push: Push = new Push({
    ...{ core, topics, log, router: nodeRouter, options: consumerOptions.push },
  });
  membership.onChange(() => {
    topics.regroup();
    upstreams.regroup();
    presence.regroup();
    attendance.regroup();
    const isOwned = (topic: string): boolean => membership.owns(topic);
    // What is on its way was let through before; some of it is the node's own.
    nodeRouter.reroute([...owner.takeMoved(isOwned), ...uplinks.regroup()]);
    router.reroute([]);
    push.regroup();
  });
  const { maxTopics } = options;
  const subscribe = new SubscriberHandler({
    ...{ topics, turn, maxTopics, isOwnedOnly: false, topicFault: followedTopicFault },
    events: core.events,
    presence: new PresenceHandler(attendance, PRESENCE_WINDOW),
  });
  const relay = new SubscriberHandler({
    ...{ topics, turn, maxTopics: PEER_TOPICS, isOwnedOnly: true, topicFault: relayedTopicFault },
    events: undefined,
    presence: new PresenceHandler(deskOf(presence), Infinity),
  });
  core.metrics.gauges(redis?.gauges() ?? []);
  addConsumerMetrics(core, { topics, owner, uplinks, log, fanOut, presence, damage });
  addPushMetrics(core.metrics, push);
  let isTidy = true;
  const timer = setInterval(() => {
    try {
      topics.tidy(now());
      log.tidy(now());
      isTidy = true;
    } catch (error) {
      // A damaged place on disk costs the tidying, not the node.
      if (isTidy) core.logger.error({ error }, "topics could not be tidied");
      isTidy = false;
    }
    // What that changed on disk goes there with the next commit; it need not wait for a publish.
    if (owner.isIdle) owner.flush();
    owner.probe();
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
    addRoutes: (http, access) => {
      void http.register((scope, _options, done) => {
        const isLogShared = redis !== undefined;
        addTopicRoutes(scope, { core, access, handler: subscribe, log, isLogShared });
        done();
      });
      void http.register((scope, _options, done) => {
        addPresenceRoute(scope, attendance, access);
        done();
      });
      void http.register((scope, _options, done) => {
        const { urlFault } = consumerOptions.push;
        addPushRoutes(scope, { access, urlFault, registry: push.registry });
        done();
      });
    },
    legacy: createLegacyAcceptor(core, { publishes, subscriptions: subscribe }),
    waitingFor: () => [
      ...(redis?.waitingFor() ?? []),
      ...(owner.fault === undefined ? [] : [`the log: ${owner.fault}`]),
    ],
    degraded: () =>
      damage.count === 0 ? [] : [`the log: ${damage.count} damaged places were left out`],
    drain: async (deadline) => {
      await redis?.members.leave();
      await Promise.all([push.drain(deadline), uplinks.drain(deadline)]);
    },
    close: async () => {
      clearInterval(timer);
      presence.close();
      await push.close();
      topics.close();
      uplinks.close();
      upstreams.close();
      await owner.settled();
      await log.close();
      shared?.close();
      redis?.close();
    },
  }).catch(async (error: unknown) => {
    clearInterval(timer);
    await log.close();
    throw error;
  });
  uplinks.start();
  core.events.start(own.publish.bind(own));
  // Before it is there, it has nothing to tell.
  if (redis === undefined) push.start();
  else void redis.connected.then(() => push.start());
  redis?.members.join({ id, url: consumerOptions.advertise ?? advertisedUrl(options.host, node) });
  return node;
}
