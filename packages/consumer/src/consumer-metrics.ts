// The Prometheus metrics of a consumer.
import type { NodeCore, Uplinks } from "@shardcast/server";
import type { DamageTally, Log } from "@shardcast/log";
import type { Owner } from "./owner/owner.ts";
import type { FanOutCounters } from "./fan-out/fan-out-counters.ts";
import type { PresenceOwner } from "./presence/presence-owner.ts";
import type { Topics } from "./topics/topics.ts";

const LAG_BUCKETS = [1, 10, 100, 1000, 10_000, 100_000, 1_000_000];

export interface ConsumerParts {
  readonly topics: Topics;
  readonly owner: Owner;
  readonly uplinks: Uplinks;
  readonly log: Log;
  readonly fanOut: FanOutCounters;
  readonly presence: PresenceOwner;
  readonly damage: DamageTally;
}

export function addConsumerMetrics(core: NodeCore, parts: ConsumerParts): void {
  const { topics, owner, uplinks, log, fanOut, presence, damage } = parts;
  core.metrics.histograms([
    {
      name: "subscription_lag_messages",
      help: "Messages that each subscription behind the head has not received",
      buckets: LAG_BUCKETS,
      values: () => fanOut.lags(),
    },
  ]);
  core.metrics.counters([
    { name: "messages_stored_total", help: "Messages stored", value: () => owner.counters.stored },
    {
      name: "messages_duplicate_total",
      help: "Publishes whose message id was already stored",
      value: () => owner.counters.duplicates,
    },
    {
      name: "messages_delivered_total",
      help: "Messages sent to subscribers",
      value: () => fanOut.deliveries,
    },
    { name: "gaps_total", help: "Gaps announced to subscribers", value: () => fanOut.gaps },
    {
      name: "pages_total",
      help: "Pages of the log sent to subscribers that were behind",
      value: () => fanOut.pages,
    },
    { name: "page_bytes_total", help: "Bytes of those pages", value: () => fanOut.pageBytes },
    {
      name: "slow_subscribers_ended_total",
      help: "Links closed because a subscription fell too far behind",
      value: () => fanOut.slowEnded,
    },
    {
      name: "log_damaged_total",
      help: "Damaged ranges of the log, which were skipped",
      value: () => damage.count,
    },
    { name: "commits_total", help: "Commits of the log", value: () => owner.counters.commits },
    {
      name: "commits_failed_total",
      help: "Commits of the log that failed",
      value: () => owner.counters.failedCommits,
    },
  ]);
  core.metrics.gauges([
    { name: "links", help: "Links open now", value: () => core.sweep.linkCount },
    { name: "topics_owned", help: "Topics owned", value: () => topics.ownedCount },
    { name: "topics_relayed", help: "Topics relayed", value: () => topics.relayedCount },
    { name: "subscriptions", help: "Subscriptions", value: () => fanOut.subscriptions },
    {
      name: "subscriptions_lagging",
      help: "Subscriptions behind the head",
      value: () => fanOut.lagging,
    },
    {
      name: "subscription_lag_max",
      help: "Messages that the slowest subscription has not received",
      value: () => maxOf(fanOut.lags()),
    },
    { name: "log_bytes", help: "Bytes of messages in the log", value: () => log.bytes },
    {
      name: "log_tail_bytes",
      help: "Bytes of recent messages kept in memory",
      value: () => log.tailBytes,
    },
    {
      name: "log_writable",
      help: "1 if the last commit succeeded, 0 if it failed",
      value: () => (owner.health.fault === undefined ? 1 : 0),
    },
    {
      name: "presence_topics",
      help: "Topics whose presence list this node owns",
      value: () => presence.topicCount,
    },
    {
      name: "presence_members",
      help: "Members of these topics",
      value: () => presence.memberCount,
    },
    {
      name: "publishes_pending",
      help: "Publishes sent to other consumers that have no ack yet",
      value: () => uplinks.all().reduce((sum, { pendingCount }) => sum + pendingCount, 0),
    },
  ]);
}

function maxOf(values: Iterable<number>): number {
  let max = 0;
  for (const value of values) max = Math.max(max, value);
  return max;
}
