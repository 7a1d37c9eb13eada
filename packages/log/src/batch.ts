// One or more messages of one topic with consecutive offsets, as encoded frames: the messages
// stored in one turn, or one page of the log. The log stores, sends and reads messages in batches.
import {
  FRAME_TYPES,
  ShardcastError,
  frameEnd,
  readMessageOffset,
  readMessageTime,
  writeMessageTopicId,
} from "@shardcast/protocol";
import { SharedFrames } from "@shardcast/protocol/websocket";
import { partAfter } from "./message-run.ts";

export class Batch {
  readonly first: number;
  readonly last: number;
  readonly shared: SharedFrames;

  constructor(first: number, last: number, shared: SharedFrames) {
    this.first = first;
    this.last = last;
    this.shared = shared;
  }

  /** Creates a batch of new messages and computes its checksum, which stays with the batch. */
  static sealed(first: number, last: number, shared: SharedFrames): Batch {
    return new Batch(first, last, shared.seal());
  }

  /**
   * Copies message frames of one topic from another source, and writes this node's topic id into
   * them.
   * @throws SHARDCAST_LOG_CORRUPT if they are not complete message frames with consecutive offsets
   */
  static fromFrames(frames: Uint8Array, topicId: number): Batch | undefined {
    if (frames.length === 0) return undefined;
    const shared = SharedFrames.of(frames);
    const first = readMessageOffset(frames, 0);
    let offset = first;
    for (let at = 0; at < frames.length; offset += 1) {
      const end = frameEnd(frames, at);
      if (
        frames[at] !== FRAME_TYPES.message ||
        end > frames.length ||
        readMessageOffset(frames, at) !== offset
      ) {
        throw new ShardcastError("SHARDCAST_LOG_CORRUPT", `message ${offset} is not where it was`);
      }
      writeMessageTopicId(shared.frames, at, topicId);
      at = end;
    }
    return new Batch(first, offset - 1, shared);
  }

  /** Joins batches, each of which must follow the one before. */
  static concat(batches: readonly Batch[]): Batch | undefined {
    const [first] = batches;
    const last = batches.at(-1);
    if (first === undefined || last === undefined || first === last) return first;
    const frames = Buffer.concat(batches.map((batch) => batch.shared.frames));
    return new Batch(first.first, last.last, SharedFrames.of(frames));
  }

  /** CRC-32 of the frames. */
  get crc(): number {
    return this.shared.crc;
  }

  get bytes(): number {
    return this.shared.frames.length;
  }

  get firstTime(): number {
    return readMessageTime(this.shared.frames, 0);
  }

  /**
   * The messages after an offset: about `limitBytes` of them, at least one. Returns this batch if
   * it needs no cut.
   */
  slice(after: number, limitBytes: number): Batch {
    const { frames } = this.shared;
    if (after < this.first && frames.length <= limitBytes) return this;
    const { first, last, start, end } = partAfter(frames, this, after, limitBytes);
    return new Batch(first, last, SharedFrames.of(frames.subarray(start, end)));
  }
}
