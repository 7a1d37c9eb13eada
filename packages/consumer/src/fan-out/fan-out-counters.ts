// The numbers that the topics of a node count for its metrics. Sums over all topics are updated as
// the topics change, because a node may have very many topics, nearly all of them without a lagging
// subscriber.

export class FanOutCounters {
  deliveries = 0;
  gaps = 0;
  pages = 0;
  /** Bytes of the pages that were sent. */
  pageBytes = 0;
  slowEnded = 0;
  subscriptions = 0;
  /** The number of subscriptions that are not at the head. */
  lagging = 0;
  /** The topics that have lagging subscriptions. */
  readonly laggingTopics = new Set<{ lags(): Iterable<number> }>();

  /** Yields, for each lagging subscription, how many messages it is behind. */
  *lags(): Generator<number> {
    for (const topic of this.laggingTopics) yield* topic.lags();
  }
}
