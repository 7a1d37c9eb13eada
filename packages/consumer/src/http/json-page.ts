// A page of a topic's messages as JSON.
import { formatPosition, type From } from "@shardcast/protocol";
import type { LinkAccess } from "@shardcast/server";
import {
  collectPage,
  type PageContent,
  type PageGap,
  type PageSource,
} from "../links/page-sink.ts";
import { messagesOf, type MessageJson } from "./message-json.ts";

/** The most bytes of a page's messages, as JSON. */
const MAX_BYTES = 1024 * 1024;

export interface MessagesPage {
  readonly messages: readonly MessageJson[];
  /**
   * The position of the last message or, without messages, the start position. The next page begins
   * after it.
   */
  readonly position: string;
  readonly head: string;
  readonly oldest: string;
  readonly gap?: PageGap;
}

export interface JsonPageRequest {
  readonly topic: string;
  readonly from: From;
  /** The most messages. */
  readonly limit: number;
  readonly access: LinkAccess | undefined;
}

/**
 * Reads one page. @throws the code with which the subscription is refused,
 * SHARDCAST_OWNER_UNAVAILABLE
 */
export async function readPage(
  source: PageSource,
  request: JsonPageRequest,
): Promise<MessagesPage> {
  const content = new JsonContent(request.limit);
  const { epoch, end, head, oldest, gap } = await collectPage(source, request, content);
  return {
    messages: content.messages,
    position: formatPosition({ epoch, offset: end }),
    head: formatPosition({ epoch, offset: head }),
    oldest: formatPosition({ epoch, offset: oldest }),
    ...(gap === undefined ? {} : { gap }),
  };
}

class JsonContent implements PageContent {
  readonly messages: MessageJson[] = [];
  isFull = false;
  readonly #limit: number;
  #bytes = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  add(frames: Buffer, epoch: string): number {
    const before = this.messages.length;
    for (const message of messagesOf(frames, epoch)) {
      if (this.isFull) break;
      const bytes = Buffer.byteLength(JSON.stringify(message));
      // A page has at least one message, even one that exceeds MAX_BYTES.
      this.isFull = this.messages.length > 0 && this.#bytes + bytes > MAX_BYTES;
      if (this.isFull) break;
      this.#bytes += bytes;
      this.messages.push(message);
      this.isFull = this.messages.length >= this.#limit;
    }
    return this.messages.length - before;
  }
}
