// A consumer node. It owns topics by the ring, stores their messages and fans them out; it relays
// topics that others own; and it routes publishes that clients send over /connect.
import { optionInvalid } from "@shardcast/options";
import {
  ShardcastNode,
  createLegacyAcceptor,
  type HttpAccess,
  type NodeCore,
} from "@shardcast/server";
import type { FastifyInstance } from "fastify";
import { addConsumerMetrics } from "./consumer-metrics.ts";
import { addTopicRoutes } from "./http/topic-routes.ts";
import { addPresenceRoute } from "./presence/presence-route.ts";
import { Push } from "./push/push.ts";
import { addPushMetrics } from "./push/push-metrics.ts";
import { addPushRoutes } from "./push/push-routes.ts";
import { advertisedUrl } from "./start/advertised-url.ts";
import type { ConsumerOptions } from "./start/consumer-options.ts";
import { createPresence } from "./start/create-presence.ts";
import { createPublishing } from "./start/create-publishing.ts";
import { createTopics } from "./start/create-topics.ts";
import { createHandlers } from "./start/link-handlers.ts";
import { openStorage } from "./start/storage.ts";
import { startTidying } from "./start/tidying.ts";

/**
 * Starts a consumer; resolves when clients can connect.
 * @throws SHARDCAST_OPTION_INVALID if the node is not among the consumers, SHARDCAST_PORT_TAKEN,
 * SHARDCAST_DATA_LOCKED, SHARDCAST_DATA_FOREIGN, SHARDCAST_DATA_CORRUPT
 */
export async function startConsumer(
  core: NodeCore,
  options: ConsumerOptions,
): Promise<ShardcastNode> {
  const { membership } = core;
  const { id, consumers, host } = core.options;
  if (consumers.type === "list" && membership.self === undefined) {
    throw optionInvalid(`--id ${id} is not among --consumers`);
  }
  const storage = await openStorage(core, options);
  const { log, damage, redis } = storage;
  const topicParts = createTopics(core, options, storage);
  const { topics, owner, upstreams, fanOut } = topicParts;
  const presence = createPresence(core, options, topicParts);
  const publishing = createPublishing(core, owner);
  const { uplinks } = publishing;
  const push = new Push({ core, topics, log, publisher: publishing.node, options: options.push });
  owner.onStored((topic, first) => push.stored(topic, first));
  // The order matters: topics must be released before their waiting publishes are routed again.
  membership.onChange(() => {
    topics.regroup();
    upstreams.regroup();
    presence.owner.regroup();
    presence.attendance.regroup();
    publishing.reroute();
    push.regroup();
  });
  const handlers = createHandlers(core, topics, presence, publishing);
  core.metrics.gauges(redis?.gauges() ?? []);
  addConsumerMetrics(core, {
    topics,
    owner,
    uplinks,
    log,
    fanOut,
    presence: presence.owner,
    damage,
  });
  addPushMetrics(core.metrics, push);
  const stopTidying = startTidying(core, log, topicParts);

  const addRoutes = (http: FastifyInstance, access: HttpAccess): void => {
    const isLogShared = redis !== undefined;
    const { urlFault } = options.push;
    void http.register((scope, _options, done) => {
      addTopicRoutes(scope, { core, access, handler: handlers.subscribe, log, isLogShared });
      done();
    });
    void http.register((scope, _options, done) => {
      addPresenceRoute(scope, presence.attendance, access);
      done();
    });
    void http.register((scope, _options, done) => {
      addPushRoutes(scope, { access, urlFault, registry: push.registry, logger: core.logger });
      done();
    });
  };

  const close = async (): Promise<void> => {
    stopTidying();
    presence.owner.close();
    await push.close();
    topics.close();
    uplinks.close();
    upstreams.close();
    await owner.settled();
    await storage.close();
  };

  const node = await ShardcastNode.listen(core, {
    role: "consumer",
    handlers,
    addRoutes,
    describeLink: (link) =>
      (link.endpoint === "relay" ? handlers.relay : handlers.subscribe).describe(link),
    legacy: createLegacyAcceptor(core, {
      publishes: publishing.clients,
      subscriptions: handlers.subscribe,
    }),
    waitingFor: () => [
      ...(redis?.waitingFor() ?? []),
      ...(owner.health.fault === undefined ? [] : [`the log: ${owner.health.fault}`]),
    ],
    degraded: () =>
      damage.count === 0 ? [] : [`the log: ${damage.count} damaged places were left out`],
    drain: async (deadline) => {
      await redis?.members.leave();
      await Promise.all([push.drain(deadline), uplinks.drain(deadline)]);
    },
    close,
  }).catch(async (error: unknown) => {
    stopTidying();
    await log.close();
    throw error;
  });
  uplinks.start();
  core.events.start(publishing.node);
  // With Redis, push subscriptions can be read only when it is connected.
  if (redis === undefined) push.start();
  else void redis.connected.then(() => push.start());
  redis?.members.join({ id, url: options.advertise ?? advertisedUrl(host, node) });
  return node;
}
