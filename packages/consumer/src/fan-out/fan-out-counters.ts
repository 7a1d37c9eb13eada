// What the topics of a node count for its metrics. What would be a sum over all topics is kept as they change: there
// may be very many, and next to all of them have nobody who is behind.

export class FanOutCounters {
  deliveries = 0;
  gaps = 0;
  pages = 0;
  /** Bytes of pages. */
  pageBytes = 0;
  slowEnded = 0;
  subscriptions = 0;
  /** Those of them that are not at head. */
  lagging = 0;
  /** The topics that have any. */
  readonly laggingTopics = new Set<{ lags(): Iterable<number> }>();

  /** How many messages each subscription lacks that is behind. */
  *lags(): Generator<number> {
    for (const topic of this.laggingTopics) yield* topic.lags();
  }
}
