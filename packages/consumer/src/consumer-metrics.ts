// What a consumer tells Prometheus.
import type { NodeCore, Uplinks } from "@shardcast/server";
import type { Log } from "./log.ts";
import type { Owner } from "./owner.ts";
import type { FanOutCounters } from "./topic.ts";
import type { Topics } from "./topics.ts";

export interface ConsumerParts {
  readonly topics: Topics;
  readonly owner: Owner;
  readonly uplinks: Uplinks;
  readonly log: Log;
  readonly fanOut: FanOutCounters;
}

export function addConsumerMetrics(core: NodeCore, parts: ConsumerParts): void {
  const { topics, owner, uplinks, log, fanOut } = parts;
  const sumOfViews = (
    count: (view: { subscriberCount: number; laggingCount: number }) => number,
  ) => {
    let sum = 0;
    for (const view of topics.views()) sum += count(view);
    return sum;
  };
  core.metrics.counters([
    { name: "messages_stored_total", help: "Messages stored", value: () => owner.counters.stored },
    {
      name: "messages_duplicate_total",
      help: "Publishes whose message id was stored before",
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
  ]);
  core.metrics.gauges([
    { name: "links", help: "Links open now", value: () => core.sweep.linkCount },
    { name: "topics_owned", help: "Topics owned", value: () => topics.ownedCount },
    { name: "topics_relayed", help: "Topics relayed", value: () => topics.relayedCount },
    {
      name: "subscriptions",
      help: "Subscriptions",
      value: () => sumOfViews((view) => view.subscriberCount),
    },
    {
      name: "subscriptions_lagging",
      help: "Subscriptions that are not at head",
      value: () => sumOfViews((view) => view.laggingCount),
    },
    { name: "log_bytes", help: "Bytes in the log", value: () => log.bytes },
    {
      name: "publishes_pending",
      help: "Publishes passed on to other consumers that wait for their ack",
      value: () => uplinks.all().reduce((sum, { pendingCount }) => sum + pendingCount, 0),
    },
  ]);
}
