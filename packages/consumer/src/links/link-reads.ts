// Answers the read frames of clients: one page of a topic's messages, over the client's own link.
// docs/protocol.md#read
import { ShardcastError, encodeFrame, frameEnd, type ReadFrame } from "@shardcast/protocol";
import { SharedFrames } from "@shardcast/protocol/websocket";
import type { HandledLink } from "@shardcast/server";
import { collectPage, type PageContent, type PageSource } from "./page-sink.ts";

/** The most reads of one link without an answer. */
const WINDOW = 4;
/** The most bytes of a page, unless its first message is larger. */
const MAX_BYTES = 256 * 1024;

export class LinkReads {
  readonly #source: PageSource;
  /** Numbers of reads without an answer. */
  readonly #unanswered = new Map<HandledLink, number>();

  constructor(source: PageSource) {
    this.#source = source;
  }

  read(link: HandledLink, { seq, topic, from, limitBytes }: ReadFrame): void {
    const count = this.#unanswered.get(link) ?? 0;
    if (count >= WINDOW) {
      link.reject(
        seq,
        "SHARDCAST_WINDOW_FULL",
        `a link may have ${WINDOW} reads without an answer`,
      );
      return;
    }
    this.#unanswered.set(link, count + 1);
    const content = new FrameContent(Math.min(limitBytes, MAX_BYTES));
    collectPage(this.#source, { topic, from, access: link.access }, content)
      .then(({ epoch, start, head, oldest, gap }) => {
        if (!link.isOpen) return;
        if (gap?.code !== undefined) link.send({ type: "cause", sub: seq, code: gap.code });
        const position = { epoch, offset: start };
        const { frames } = content;
        const page = encodeFrame({ type: "page", seq, position, head, oldest, frames });
        link.sendShared(SharedFrames.of(page));
      })
      .catch((error: unknown) => {
        const code = error instanceof ShardcastError ? error.code : "SHARDCAST_INTERNAL";
        link.reject(seq, code, "");
      })
      .finally(() => this.#answered(link));
  }

  #answered(link: HandledLink): void {
    const count = this.#unanswered.get(link) ?? 0;
    if (count > 1) this.#unanswered.set(link, count - 1);
    else this.#unanswered.delete(link);
  }
}

class FrameContent implements PageContent {
  isFull = false;
  readonly #limitBytes: number;
  readonly #parts: Buffer[] = [];
  #bytes = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  get frames(): Buffer {
    return Buffer.concat(this.#parts);
  }

  add(frames: Buffer): number {
    let count = 0;
    let end = 0;
    while (end < frames.length && !this.isFull) {
      const next = frameEnd(frames, end);
      this.isFull = this.#bytes > 0 && this.#bytes + next - end > this.#limitBytes;
      if (this.isFull) break;
      this.#bytes += next - end;
      end = next;
      count += 1;
    }
    this.#parts.push(frames.subarray(0, end));
    return count;
  }
}
