// Positions (epoch and offset), which have the same text form on the wire, in URLs and in logs, and the start
// positions of subscriptions. docs/protocol.md#positions
import { ShardcastError } from "./errors.ts";
import { EPOCH_BYTES, UINT48_MAX } from "./limits.ts";

/** 16 lower-case hex digits: the random id of one lifetime of a topic's log. */
export type Epoch = string;

/** The epoch of a topic that has never been used, as far as the node knows. */
export const NO_EPOCH: Epoch = "0000000000000000";

/**
 * A position in a topic. `offset` counts messages from 1; offset 0 is the position before the first message.
 * Offsets of different epochs are not comparable.
 */
export interface Position {
  readonly epoch: Epoch;
  readonly offset: number;
}

/** The start position of a subscription. `count` is in messages, `time` is in ms since 1970, UTC. */
export type From =
  | { readonly type: "live" }
  | { readonly type: "earliest" }
  | { readonly type: "position"; readonly position: Position }
  | { readonly type: "last"; readonly count: number }
  | { readonly type: "since"; readonly time: number };

const POSITION = /^([0-9a-f]{16})_(0|[1-9][0-9]{0,14})$/;
const LAST = /^last:(0|[1-9][0-9]{0,9})$/;
const SINCE = /^since:(0|[1-9][0-9]{0,14})$/;
const UINT32_MAX = 0xffff_ffff;

/** `<epoch>_<offset>` */
export function formatPosition(position: Position): string {
  return `${position.epoch}_${position.offset}`;
}

/** The inverse of {@link formatPosition}. Returns undefined if the text is not a position. */
export function parsePosition(text: string): Position | undefined {
  const match = POSITION.exec(text);
  if (match?.[1] === undefined || match[2] === undefined) return undefined;
  const offset = Number(match[2]);
  return offset > UINT48_MAX ? undefined : { epoch: match[1], offset };
}

/** `live` · `earliest` · `<epoch>_<offset>` · `last:<count>` · `since:<ms>` */
export function formatFrom(from: From): string {
  switch (from.type) {
    case "live":
    case "earliest":
      return from.type;
    case "position":
      return formatPosition(from.position);
    case "last":
      return `last:${from.count}`;
    case "since":
      return `since:${from.time}`;
  }
}

/**
 * The inverse of {@link formatFrom}.
 * @throws SHARDCAST_POSITION_INVALID
 */
export function parseFrom(text: string): From {
  if (text === "live" || text === "earliest") return { type: text };
  const position = parsePosition(text);
  if (position !== undefined) return { type: "position", position };
  const last = LAST.exec(text)?.[1];
  if (last !== undefined && Number(last) <= UINT32_MAX)
    return { type: "last", count: Number(last) };
  const since = SINCE.exec(text)?.[1];
  if (since !== undefined && Number(since) <= UINT48_MAX) {
    return { type: "since", time: Number(since) };
  }
  throw new ShardcastError(
    "SHARDCAST_POSITION_INVALID",
    "from must be live, earliest, <epoch>_<offset>, last:<count> or since:<ms since 1970>",
  );
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

export function epochFromBytes(bytes: Uint8Array, start: number): Epoch {
  let epoch = "";
  for (let at = start; at < start + EPOCH_BYTES; at += 1) epoch += HEX[bytes[at] ?? 0] ?? "";
  return epoch;
}

export function epochToBytes(epoch: Epoch): Uint8Array {
  const bytes = new Uint8Array(EPOCH_BYTES);
  for (let at = 0; at < EPOCH_BYTES; at += 1) {
    bytes[at] = Number.parseInt(epoch.slice(2 * at, 2 * at + 2), 16);
  }
  return bytes;
}
