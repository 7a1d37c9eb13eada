// The options that a consumer has beside those of every node.
import { NODE_OPTIONS, wholeNumber, type RawOptions } from "@shardcast/server";
import type { DedupeOptions } from "./dedupe-window.ts";
import type { MemoryLogOptions } from "./memory-log.ts";

const HOUR_MS = 60 * 60 * 1000;
const MEBIBYTE = 1024 * 1024;

export const CONSUMER_OPTIONS = {
  id: {
    type: "string",
    demandOption: true,
    describe: "This node's name in --consumers; auto takes the entry with its own address and port",
  },
  port: { type: "number", default: 9100, describe: "Port; 0 picks one (or PORT)" },
  log: {
    type: "string",
    default: "memory",
    choices: ["memory"],
    describe: "Where messages are kept",
  },
  "retain-count": { type: "number", default: 10_000, describe: "Messages kept of a topic" },
  "retain-bytes": { type: "number", default: 64 * MEBIBYTE, describe: "Bytes kept of a topic" },
  "retain-age": { type: "number", default: HOUR_MS, describe: "ms that a message is kept" },
  "log-bytes": { type: "number", default: 1024 * MEBIBYTE, describe: "Bytes kept of all topics" },
  "dedupe-window": {
    type: "number",
    default: 120_000,
    describe: "ms in which a message id is stored once",
  },
  "max-owned-topics": { type: "number", default: 1_000_000, describe: "Topics owned at once" },
  ...NODE_OPTIONS,
} as const;

export interface ConsumerOptions {
  readonly memoryLog: MemoryLogOptions;
  /** What a relay keeps of a topic that it does not own. */
  readonly tail: MemoryLogOptions;
  readonly dedupe: DedupeOptions;
  readonly maxOwnedTopics: number;
}

/** Ids of one topic and window; beyond it the window gets shorter. */
const DEDUPE_MAX_IDS = 200_000;
const TAIL_COUNT = 1000;
const TAIL_BYTES = MEBIBYTE;

export function parseConsumerOptions(raw: RawOptions): ConsumerOptions {
  const { MAX_SAFE_INTEGER: max } = Number;
  const ageMs = wholeNumber(raw, "retain-age", 1, max);
  const maxBytes = wholeNumber(raw, "log-bytes", 1, max);
  return {
    memoryLog: {
      retention: {
        count: wholeNumber(raw, "retain-count", 1, max),
        bytes: wholeNumber(raw, "retain-bytes", 1, max),
        ageMs,
      },
      maxBytes,
    },
    tail: { retention: { count: TAIL_COUNT, bytes: TAIL_BYTES, ageMs }, maxBytes },
    maxOwnedTopics: wholeNumber(raw, "max-owned-topics", 1, max),
    dedupe: { windowMs: wholeNumber(raw, "dedupe-window", 0, max), maxIds: DEDUPE_MAX_IDS },
  };
}
