// Creates the topics of a consumer: those that it owns, with the owner that stores their messages,
// and those that it relays.
import { Upstreams, type NodeCore } from "@shardcast/server";
import { FanOutCounters } from "../fan-out/fan-out-counters.ts";
import { Occupancy } from "../fan-out/occupancy.ts";
import { Owner } from "../owner/owner.ts";
import { Topics } from "../topics/topics.ts";
import type { ConsumerOptions } from "./consumer-options.ts";
import type { Storage } from "./storage.ts";

export interface TopicParts {
  readonly topics: Topics;
  readonly owner: Owner;
  readonly upstreams: Upstreams;
  readonly fanOut: FanOutCounters;
}

export function createTopics(
  core: NodeCore,
  options: ConsumerOptions,
  { log, shared }: Storage,
): TopicParts {
  const { membership, turn, runtime, events, logger } = core;
  const { now } = core.clock;
  const onError = (error: unknown): void => {
    logger.error({ error }, "a topic failed");
  };
  const upstreams = new Upstreams(core);
  const fanOut = new FanOutCounters();
  const topics: Topics = new Topics({
    membership,
    log,
    turn,
    now,
    dedupe: options.dedupe,
    maxOwned: options.maxOwnedTopics,
    maxLag: options.maxLag,
    tail: options.tail,
    context: { turn, runtime, counters: fanOut, onError },
    occupancy: new Occupancy({ events, membership, isLogShared: shared !== undefined }),
    upstreamOf: (owner) => upstreams.to(owner),
    shared,
  });
  const owner = new Owner({
    log,
    turn,
    runtime,
    now,
    publishTimeoutMs: core.options.publishTimeoutMs,
    hasRoomFor: (name) => topics.hasRoomFor(name),
    ownedTopic: (name) => topics.owned(name),
    onError,
  });
  return { topics, owner, upstreams, fanOut };
}
