// @shardcast/client/outbox: publishes that survive reloads and offline phases.
export {
  DurableOutbox,
  type DurablePublishOptions,
  type OutboxEntry,
  type OutboxEvents,
  type OutboxState,
} from "./durable-outbox.ts";
export { indexedDB } from "./indexed-db.ts";
export { inMemory } from "./in-memory.ts";
export type { OutboxClient } from "./outbox-client.ts";
export type { OutboxStorage, StoredEntry } from "./outbox-storage.ts";
