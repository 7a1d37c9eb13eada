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
      help: "Messages that an endpoint took",
      value: () => counters.delivered,
    },
    {
      name: "push_failed_total",
      help: "Pushes without an answer, or with one that says to try again",
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
      help: "Pushes that were not the first of their message",
      value: () => counters.retries,
    },
    {
      name: "push_dead_letters_total",
      help: "Messages that were given up and are stored among the dead letters",
      value: () => counters.deadLetters,
    },
    {
      name: "push_dropped_total",
      help: "Dead letters that could not be pushed either",
      value: () => counters.dropped,
    },
    {
      name: "push_disabled_total",
      help: "Times that an endpoint wanted nothing more (410)",
      value: () => counters.disabled,
    },
    {
      name: "push_gaps_total",
      help: "Times that messages to be pushed could not be had any more",
      value: () => counters.gaps,
    },
  ]);
  metrics.gauges([
    {
      name: "push_subscriptions",
      help: "Push subscriptions that deliver",
      value: () => ofAll((isActive) => (isActive ? 1 : 0)),
    },
    {
      name: "push_subscriptions_disabled",
      help: "Push subscriptions that do not",
      value: () => ofAll((isActive) => (isActive ? 0 : 1)),
    },
    { name: "push_in_flight", help: "Topics being pushed now", value: () => push.runningCount },
    {
      name: "push_topics",
      help: "Topics of subscriptions that have something to push, or wait to try again",
      value: () => push.activeCount,
    },
    {
      name: "push_lag",
      help: "Messages that those topics are yet to deliver",
      value: () => push.lag,
    },
  ]);
}
