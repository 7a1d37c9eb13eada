// @shardcast/log: stores a consumer's topics and their messages.
//
//   log, retention              the interface of a log, and how much of each topic it keeps
//   memory-log                  a log in the process's memory
//   lmdb-log → lmdb-topic-log → series → store      a log on disk
//   state-store, memory-state, lmdb-state           a key-value store in the same engine
//   damage                      reports of damaged messages
//   store-pages → sound-tree → sound-page           check that lmdb can safely read a store's file
//   salvage                     checks a store, and copies its intact records
//   data-folder                 the folder of a store: its owner, and its lock
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
