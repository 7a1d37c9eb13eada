// Describes the subscriptions of one link for administrators: how many there are, and which are behind.
import type { LinkSubscriptions } from "../fan-out/link-subscriptions.ts";

export interface SubscriptionsDescription {
  /** How many subscriptions the link has. */
  readonly subscriptions: number;
  /** How many messages the link is behind in the topic in which it is furthest behind. */
  readonly lag: number;
  /** Some of the topics, those with the greatest lag first. */
  readonly topics: readonly { readonly topic: string; readonly lag: number }[];
}

export const NO_SUBSCRIPTIONS: SubscriptionsDescription = { subscriptions: 0, lag: 0, topics: [] };

const MAX_TOPICS = 10;
/** Another node's link may have a million subscriptions: no request examines them all. */
const MAX_EXAMINED = 1000;

export function describeSubscriptions(all: LinkSubscriptions): SubscriptionsDescription {
  const examined: { readonly topic: string; readonly lag: number }[] = [];
  for (const subscription of all.all()) {
    if (examined.length === MAX_EXAMINED) break;
    const { view } = subscription;
    examined.push({ topic: view.name, lag: view.lagOf(subscription) });
  }
  const topics = examined.sort((one, other) => other.lag - one.lag).slice(0, MAX_TOPICS);
  return { subscriptions: all.count, lag: topics[0]?.lag ?? 0, topics };
}
