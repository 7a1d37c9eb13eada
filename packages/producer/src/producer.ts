// A producer node: /produce accepts publishes, the ring names the owner of each, and an uplink
// sends it there. The node holds only publishes without an ack.
import type { RedisOptions } from "@shardcast/redis/options";
import {
  NodePublisher,
  ShardcastNode,
  PublishHandler,
  PublishRouter,
  Uplinks,
  addProduceRoutes,
  createLegacyAcceptor,
  eventsPublishFault,
  type NodeCore,
  type PublishRouterOptions,
} from "@shardcast/server";

/**
 * Starts a producer, which listens and dials all consumers; resolves when clients can connect. The
 * producer is ready when all consumers are connected, but starts without any.
 * @param redisOptions where the consumers are found; undefined if `core` has their list
 * @throws SHARDCAST_PORT_TAKEN, SHARDCAST_OPTION_INVALID if it cannot listen for another reason
 */
export async function startProducer(
  core: NodeCore,
  redisOptions: RedisOptions | undefined,
): Promise<ShardcastNode> {
  const { options, membership, metrics, logger } = core;
  const engine = redisOptions === undefined ? undefined : await import("@shardcast/redis");
  const redis =
    engine === undefined || redisOptions === undefined
      ? undefined
      : new engine.RedisCluster(redisOptions, membership, logger);
  const { maxPayloadBytes, windowMessages } = options;
  const uplinks = new Uplinks(core);
  const routing: Omit<PublishRouterOptions, "senders"> = {
    runtime: core.runtime,
    membership,
    maxPayloadBytes,
    publishTimeoutMs: options.publishTimeoutMs,
    targetOf: (owner) => uplinks.to(owner),
  };
  const router = new PublishRouter({ ...routing, senders: "clients", schemas: options.schemas });
  membership.onChange(() => router.reroute(uplinks.regroup()));
  const produce = new PublishHandler(router, windowMessages);
  const ownRouter = new PublishRouter({
    ...routing,
    senders: "nodes",
    topicFault: eventsPublishFault,
  });
  metrics.counters([
    { name: "publishes_total", help: "Publishes taken", value: () => produce.counters.received },
    { name: "publish_bytes_total", help: "Bytes of these", value: () => produce.counters.bytes },
  ]);
  metrics.gauges([
    ...(redis?.gauges() ?? []),
    { name: "links", help: "Links open now", value: () => core.sweep.linkCount },
    {
      name: "publishes_pending",
      help: "Publishes without an ack yet",
      value: () => uplinks.all().reduce((sum, { pendingCount }) => sum + pendingCount, 0),
    },
    {
      name: "uplinks_open",
      help: "Consumers with an open uplink",
      value: () => uplinks.all().filter(({ isOpen }) => isOpen).length,
    },
  ]);
  const node = await ShardcastNode.listen(core, {
    role: "producer",
    handlers: { produce },
    addRoutes: (http, access) => {
      void http.register((scope, _options, done) => {
        const publish = produce.publish.bind(produce);
        const { maxBodyBytes, maxBodyBytesEach } = options;
        const limits = { maxPayloadBytes, maxBodyBytes, maxBodyBytesEach };
        addProduceRoutes(scope, { access, publish, metrics, ...limits });
        done();
      });
    },
    legacy: createLegacyAcceptor(core, { publishes: produce, subscriptions: undefined }),
    waitingFor: () => (membership.ring === undefined ? ["consumers"] : uplinks.faults()),
    drain: (deadline) => uplinks.drain(deadline),
    close: () => {
      redis?.close();
      uplinks.close();
    },
  });
  uplinks.start();
  core.events.start(new NodePublisher(ownRouter.publish.bind(ownRouter)));
  return node;
}
