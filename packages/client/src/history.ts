// Reads stored messages of a topic without subscribing to it.
import {
  ShardcastError,
  parseFrom,
  type From,
  type MessageFrame,
  type Position,
} from "@shardcast/protocol";
import type { Gap } from "./inbox.ts";
import { Message } from "./message.ts";
import { refuseUnknown } from "./options.ts";
import type { ReadOptions, TopicPage } from "./reading.ts";

/** Without a place: the newest messages. */
export interface HistoryOptions {
  /** A position, as `<epoch>_<offset>`: the messages directly before that message. */
  readonly before?: string | undefined;
  /** A position: the messages directly after that message; with `before` as well, up to that one. */
  readonly after?: string | undefined;
  /** The messages stored from this time on, in ms since 1970. Instead of `after`. */
  readonly since?: number | undefined;
  /** Maximum number of messages. @default 100 */
  readonly limit?: number | undefined;
  /** How long it may take, in ms, for each request. @default the client's `publishTimeoutMs` */
  readonly timeoutMs?: number | undefined;
}

export interface History {
  /** In the order in which they were stored. */
  readonly messages: readonly Message[];
  /** Messages in between that are unavailable. */
  readonly gaps: readonly Gap[];
  /** There is no retained message before these. */
  readonly isStart: boolean;
  /** No message was stored after these when they were read. */
  readonly isEnd: boolean;
}

const HISTORY_OPTIONS: Readonly<Record<keyof HistoryOptions, true>> = {
  before: true,
  after: true,
  since: true,
  limit: true,
  timeoutMs: true,
};
const DEFAULT_LIMIT = 100;
const READ_BYTES = 256 * 1024;

/**
 * Reads page by page until there are enough messages.
 * @throws SHARDCAST_POSITION_INVALID, SHARDCAST_OPTION_INVALID, and the errors of `read`
 */
export async function readHistory(
  topic: string,
  options: HistoryOptions,
  read: (options: ReadOptions) => Promise<TopicPage>,
): Promise<History> {
  refuseUnknown("option", options, HISTORY_OPTIONS);
  const range = rangeOf(options);
  const collected = new CollectedHistory(topic, range);
  let from: From | undefined = range.from;
  while (from !== undefined) {
    const { timeoutMs } = options;
    const page = await read({ topic, from, limitBytes: READ_BYTES, timeoutMs });
    from = collected.add(page, from.type === "position" ? from.position : undefined);
  }
  return collected;
}

interface Range {
  readonly from: From;
  /** The messages end before this position. */
  readonly before: Position | undefined;
  /** Whether messages missing at the beginning are a gap, and not merely older than what is retained. */
  readonly hasStart: boolean;
  readonly limit: number;
}

function rangeOf({ before, after, since, limit = DEFAULT_LIMIT }: HistoryOptions): Range {
  if (!Number.isSafeInteger(limit) || limit <= 0) {
    const detail = `limit is ${limit}; it must be a whole number above 0`;
    throw new ShardcastError("SHARDCAST_OPTION_INVALID", detail);
  }
  const end = before === undefined ? undefined : positionOf(before);
  if (since !== undefined) {
    const from = parseFrom(`since:${since}`);
    return { from, before: end, hasStart: false, limit };
  }
  if (after !== undefined) {
    const position = positionOf(after);
    return { from: { type: "position", position }, before: end, hasStart: true, limit };
  }
  if (end === undefined) {
    return { from: { type: "last", count: limit }, before: end, hasStart: false, limit };
  }
  const position = { epoch: end.epoch, offset: Math.max(0, end.offset - 1 - limit) };
  return { from: { type: "position", position }, before: end, hasStart: false, limit };
}

function positionOf(text: string): Position {
  const from = parseFrom(text);
  if (from.type === "position") return from.position;
  throw new ShardcastError("SHARDCAST_POSITION_INVALID", `${text} is not a position`);
}

class CollectedHistory implements History {
  readonly messages: Message[] = [];
  readonly gaps: Gap[] = [];
  isStart = false;
  isEnd = false;
  readonly #topic: string;
  readonly #range: Range;

  constructor(topic: string, range: Range) {
    this.#topic = topic;
    this.#range = range;
  }

  /**
   * Adds a page.
   * @param asked the position after which the page should begin; undefined if any place was right
   * @returns where to continue; undefined if there is enough, or no more
   */
  add(page: TopicPage, asked: Position | undefined): From | undefined {
    const { epoch, offset } = page.position;
    const { before, limit } = this.#range;
    if (this.messages.length === 0) this.isStart = offset < page.oldest;
    if (asked !== undefined) this.#missed(asked, page);
    // The positions of another epoch do not compare: nothing lies before that message any more.
    if (before !== undefined && before.epoch !== epoch) {
      this.isEnd = false;
      return undefined;
    }
    let end = offset;
    for (const frame of page.messages) {
      if (this.messages.length === limit || isFrom(frame, before)) break;
      this.messages.push(new Message(this.#topic, epoch, frame));
      end = frame.offset;
    }
    this.isEnd = end >= page.head;
    const isEnough = this.messages.length === limit || page.messages.length === 0;
    const isOver = before !== undefined && end >= before.offset - 1;
    if (this.isEnd || isEnough || isOver) return undefined;
    return { type: "position", position: { epoch, offset: end } };
  }

  #missed(asked: Position, { position: { epoch, offset: last }, code }: TopicPage): void {
    const isNewEpoch = asked.epoch !== epoch;
    if (!isNewEpoch && asked.offset === last) return;
    // A topic gets its epoch with its first message.
    if (isNewEpoch && asked.offset === 0 && last === 0) return;
    if (this.messages.length === 0 && !this.#range.hasStart && !isNewEpoch) return;
    const first = isNewEpoch ? 1 : asked.offset + 1;
    this.gaps.push({ epoch, first, last, isNewEpoch, ...(code === undefined ? {} : { code }) });
  }
}

function isFrom({ offset }: MessageFrame, before: Position | undefined): boolean {
  return before !== undefined && offset >= before.offset;
}
