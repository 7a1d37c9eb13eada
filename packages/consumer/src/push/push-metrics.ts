// The Prometheus metrics of push subscriptions.
import type { NodeMetrics } from "@shardcast/server";
import type { Push } from "./push.ts";

export function addPushMetrics(metrics: NodeMetrics, push: Push): void {
  const { counters, registry } = push;
  const ofAll = (count: (isActive: boolean) => number): number =>
    registry.all().reduce((sum, { isActive }) => sum + count(isActive), 0);
  metrics.counters([
    {
      name: "push_delivered_total",
      help: "Messages delivered to an endpoint",
      value: () => counters.delivered,
    },
    {
      name: "push_failed_total",
      help: "Pushes that failed and may be retried",
      value: () => counters.failed,
    },
    {
      name: "push_refused_total",
      help: "Pushes that an endpoint refused",
      value: () => counters.refused,
    },
    {
      name: "push_blocked_total",
      help: "Pushes to a URL or an address that is not allowed",
      value: () => counters.blocked,
    },
    {
      name: "push_retries_total",
      help: "Pushes that repeated an earlier attempt",
      value: () => counters.retries,
    },
    {
      name: "push_dead_letters_total",
      help: "Messages stored as dead letters",
      value: () => counters.deadLetters,
    },
    {
      name: "push_dropped_total",
      help: "Messages of dead-letter topics that could not be pushed either, and were dropped",
      value: () => counters.dropped,
    },
    {
      name: "push_disabled_total",
      help: "Subscriptions disabled by an endpoint's 410 (Gone)",
      value: () => counters.disabled,
    },
    {
      name: "push_gaps_total",
      help: "Gaps: messages that were gone before they could be pushed",
      value: () => counters.gaps,
    },
  ]);
  metrics.gauges([
    {
      name: "push_subscriptions",
      help: "Active push subscriptions",
      value: () => ofAll((isActive) => (isActive ? 1 : 0)),
    },
    {
      name: "push_subscriptions_disabled",
      help: "Disabled push subscriptions",
      value: () => ofAll((isActive) => (isActive ? 0 : 1)),
    },
    { name: "push_in_flight", help: "Topics being pushed now", value: () => push.runningCount },
    {
      name: "push_topics",
      help: "Topics with messages to push, or waiting to retry",
      value: () => push.activeCount,
    },
    {
      name: "push_lag",
      help: "Messages that these topics have not delivered",
      value: () => push.lag,
    },
  ]);
}
