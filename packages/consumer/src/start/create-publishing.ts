// Creates the publish paths of a consumer: from clients on /connect, from other nodes on /producer,
// and from the node itself.
import {
  NodePublisher,
  PublishHandler,
  PublishRouter,
  Uplinks,
  type NodeCore,
  type PublishTarget,
} from "@shardcast/server";
import type { RingMember } from "@shardcast/protocol";
import type { Owner } from "../owner/owner.ts";
import { nodePublishFault } from "../push/push-topic.ts";

const PEER_WINDOW_MESSAGES = 65_536;

/** Refuses publishes from a node with another ring. */
const NOT_OWNER: PublishTarget = {
  publish: (origin, { seq, topic }) => {
    origin.refuse({ seq, topic, code: "SHARDCAST_NOT_OWNER", reason: "" });
  },
};

export interface Publishing {
  readonly uplinks: Uplinks;
  /** Publishes of clients, to this node's topics and to those of other consumers. */
  readonly clients: PublishHandler;
  /** Publishes that other nodes send to the owner of their topics. */
  readonly peers: PublishHandler;
  /** The node's own publishes, to any topic, including the system's. */
  readonly node: NodePublisher;
  /** Sends publishes without an answer to the owners in the current ring. */
  reroute(): void;
}

export function createPublishing(core: NodeCore, owner: Owner): Publishing {
  const { membership, runtime, options } = core;
  const { maxPayloadBytes, publishTimeoutMs, windowMessages, schemas } = options;
  const uplinks = new Uplinks(core);
  const targetOf = (member: RingMember): PublishTarget =>
    membership.isSelf(member) ? owner : uplinks.to(member);
  const shared = { membership, runtime, maxPayloadBytes, publishTimeoutMs };
  const router = new PublishRouter({ ...shared, senders: "clients", schemas, targetOf });
  const nodeRouter = new PublishRouter({
    ...shared,
    senders: "nodes",
    targetOf,
    topicFault: nodePublishFault,
  });
  const peerRouter = new PublishRouter({
    ...shared,
    senders: "nodes",
    topicFault: nodePublishFault,
    targetOf: (member) => (membership.isSelf(member) ? owner : NOT_OWNER),
  });
  return {
    uplinks,
    clients: new PublishHandler(router, windowMessages),
    peers: new PublishHandler(peerRouter, PEER_WINDOW_MESSAGES),
    node: new NodePublisher(nodeRouter.publish.bind(nodeRouter)),
    reroute: () => {
      const isOwned = (topic: string): boolean => membership.owns(topic);
      // Use the node's router: these publishes were accepted before, and some are the node's own.
      nodeRouter.reroute([...owner.takeMoved(isOwned), ...uplinks.regroup()]);
      router.reroute([]);
    },
  };
}
