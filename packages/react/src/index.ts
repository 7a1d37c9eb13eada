// @shardcast/react: hooks on the stores of @shardcast/client/stores.
//
//   provider, use-store   the client of a tree of components; how hooks read a store
//   use-topic, use-publish, use-presence, use-typing, use-connection
export type {
  ConnectionSnapshot,
  OutgoingMessage,
  OutgoingState,
  PresenceSnapshot,
  Stores,
  StoresOutbox,
  TopicMessage,
  TopicSnapshot,
  TopicStatus,
} from "@shardcast/client/stores";
export { ShardcastProvider, useStores, type ShardcastProviderProps } from "./provider.ts";
export { useConnection } from "./use-connection.ts";
export { usePresence, type PresenceResult, type UsePresenceOptions } from "./use-presence.ts";
export { usePublish, type PublishResult } from "./use-publish.ts";
export {
  useTopic,
  type ReducingOptions,
  type TopicResult,
  type UseTopicOptions,
} from "./use-topic.ts";
export { useTyping, type TypingResult, type UseTypingOptions } from "./use-typing.ts";
