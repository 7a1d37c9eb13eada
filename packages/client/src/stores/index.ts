// @shardcast/client/stores: what a user interface shows, as stores that any framework can read.
//
//   stores             creates them for a client; stores of the same thing share a source
//   store              subscribe and getSnapshot, and the lifetime of a source
//   topic-store, topic-message   the messages of a topic, with those that are not stored yet
//   publish-store      the messages that the application publishes, each with its state
//   outbox-publish-source   the same, with the states of an outbox
//   presence-store, typing-store, connection-store
export type { ConnectionSnapshot } from "./connection-store.ts";
export type { StoresOutbox } from "./outbox-publish-source.ts";
export type { PresenceSnapshot, PresenceStore, PresenceStoreOptions } from "./presence-store.ts";
export type {
  OutgoingMessage,
  OutgoingState,
  PublishSnapshot,
  PublishStore,
} from "./publish-store.ts";
export type { Store } from "./store.ts";
export { createStores, type Stores, type StoresOptions } from "./stores.ts";
export type { TopicMessage } from "./topic-message.ts";
export type { TopicSnapshot, TopicStatus, TopicStore, TopicStoreOptions } from "./topic-store.ts";
export type { TypingSnapshot, TypingStore, TypingStoreOptions } from "./typing-store.ts";
