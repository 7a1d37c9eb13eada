// Messages of one topic with consecutive offsets, as encoded and framed: what one turn stored, or one
// page of the log. The unit that is kept, sent and read.
import {
  frameEnd,
  readMessageOffset,
  readMessageTime,
  writeMessageTopicId,
} from "@shardcast/protocol";
import { SharedFrames } from "@shardcast/server";

export class Batch {
  readonly first: number;
  readonly last: number;
  readonly shared: SharedFrames;

  constructor(first: number, last: number, shared: SharedFrames) {
    this.first = first;
    this.last = last;
    this.shared = shared;
  }

  /** Copies message frames of one topic that came from its owner, and gives them this node's topic id. */
  static fromFrames(frames: Uint8Array, topicId: number): Batch | undefined {
    if (frames.length === 0) return undefined;
    const shared = SharedFrames.of(frames);
    let last = 0;
    for (let at = 0; at < frames.length; at = frameEnd(frames, at)) {
      writeMessageTopicId(shared.frames, at, topicId);
      last = readMessageOffset(frames, at);
    }
    return new Batch(readMessageOffset(frames, 0), last, shared);
  }

  /** Several batches, each following the one before, as one. */
  static concat(batches: readonly Batch[]): Batch | undefined {
    const [first] = batches;
    const last = batches.at(-1);
    if (first === undefined || last === undefined || first === last) return first;
    const frames = Buffer.concat(batches.map((batch) => batch.shared.frames));
    return new Batch(first.first, last.last, SharedFrames.of(frames));
  }

  get bytes(): number {
    return this.shared.frames.length;
  }

  get firstTime(): number {
    return readMessageTime(this.shared.frames, 0);
  }

  /** The batch without what is up to `offset`. */
  after(offset: number): Batch {
    if (offset < this.first) return this;
    const { frames } = this.shared;
    let at = 0;
    while (at < frames.length && readMessageOffset(frames, at) <= offset) at = frameEnd(frames, at);
    return new Batch(offset + 1, this.last, SharedFrames.of(frames.subarray(at)));
  }

  /** The last offset stored before a time; the offset before the first where none was. */
  offsetBefore(time: number): number {
    const { frames } = this.shared;
    let offset = this.first - 1;
    for (let at = 0; at < frames.length; at = frameEnd(frames, at)) {
      if (readMessageTime(frames, at) >= time) break;
      offset = readMessageOffset(frames, at);
    }
    return offset;
  }
}
