// @shardcast/log: where a consumer keeps its topics' messages.
//
//   log, retention              what a log is asked for, and how much of each topic it keeps
//   memory-log                  in the process
//   lmdb-log → lmdb-topic-log → series → store      on disk
//   state-store, memory-state, lmdb-state           small texts by key that are kept beside the topics
//   damage                      what a log tells of messages that are not what was stored
//   store-pages → sound-tree → sound-page           whether a store's file is one that lmdb survives
//   salvage                     what is whole in a store, and a copy of it
//   data-folder                 the folder that a store is in: whose it is, and who has it open
export { Batch } from "./batch.ts";
export { Damage, DamageTally, type DamageFound } from "./damage.ts";
export { DataFolder, openForReading, writeBackup, writeFolder } from "./data-folder.ts";
export type { IdRetention } from "./lmdb-topic-log.ts";
export { LmdbLog, type LmdbLogOptions } from "./lmdb-log.ts";
export { BirthEpochs } from "./birth-epochs.ts";
export { createEpoch } from "./epoch.ts";
export { IdRecord } from "./id-record.ts";
export {
  FORGET_AFTER_MS,
  type Log,
  type LogClock,
  type Page,
  type ReadableLog,
  type StoredIds,
  type TopicLog,
} from "./log.ts";
export {
  MemoryLog,
  MemoryTopicLog,
  type MemoryLogOptions,
  type MemoryTopicLogOptions,
} from "./memory-log.ts";
export { compareNames } from "./name-order.ts";
export { RetentionRules, parseRetentionRules, type Retention } from "./retention.ts";
export { checkStore, repairStore, type StoreReport } from "./salvage.ts";
export {
  MAX_STATE_KEY_BYTES,
  MAX_STATE_VALUE_BYTES,
  checkStateEntry,
  checkStateKey,
  type StateEntry,
  type StateStore,
} from "./state-store.ts";
