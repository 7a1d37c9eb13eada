import { useMemo } from "react";
import type { TopicMessage, TopicSnapshot, TopicStoreOptions } from "@shardcast/client/stores";
import { useStores } from "./provider.ts";
import { useStore } from "./use-store.ts";

export type UseTopicOptions = TopicStoreOptions;

export interface ReducingOptions<Value> extends UseTopicOptions {
  /**
   * Combines the messages to one value, from the oldest to the newest, as `Array.prototype.reduce` does. It runs over
   * all messages after each change. Define it outside of the component, or with `useCallback`.
   */
  readonly reduce: (value: Value, message: TopicMessage) => Value;
  readonly initial: Value;
}

export interface TopicResult extends TopicSnapshot {
  /** Adds older messages in front, if `hasOlder`. Never rejects: `error` says why it has failed. */
  readonly loadOlder: () => Promise<void>;
}

/**
 * Follows a topic: its newest messages, then new ones as they arrive. Components with the same topic and options share
 * one subscription.
 */
export function useTopic<Value>(
  topic: string,
  options: ReducingOptions<Value>,
): TopicResult & { readonly value: Value };
export function useTopic(topic: string, options?: UseTopicOptions): TopicResult;
export function useTopic(
  topic: string,
  options: UseTopicOptions & Partial<ReducingOptions<unknown>> = {},
): TopicResult & { readonly value: unknown } {
  const stores = useStores();
  const { from, history, limit, reduce, initial } = options;
  // `from` may be an object that is new in each render.
  const key = JSON.stringify(from);
  const store = useMemo(
    () => stores.topic(topic, { from, history, limit }),
    [stores, topic, key, history, limit],
  );
  const snapshot = useStore(store);
  const { messages } = snapshot;
  const value = useMemo(
    () => (reduce === undefined ? undefined : messages.reduce(reduce, initial)),
    [messages, reduce, initial],
  );
  const { loadOlder } = store;
  return useMemo(() => ({ ...snapshot, loadOlder, value }), [snapshot, loadOlder, value]);
}
