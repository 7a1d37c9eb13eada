// Reads pages of a topic's messages over a link. A read that a lost link or a node's refusal has ended for now is
// repeated until its deadline.
import {
  ShardcastError,
  backoffMs,
  decodeFrames,
  type CauseFrame,
  type From,
  type MessageFrame,
  type PageFrame,
  type Position,
} from "@shardcast/protocol";
import { nodeRefusalOf } from "./node-refusal.ts";
import type { Settings } from "./options.ts";
import {
  READ_REQUESTS,
  Requests,
  type CodedPage,
  type Request,
  type RequestHandlers,
  type Response,
} from "./requests.ts";
import type { Runtime } from "./runtime.ts";

/** One page of a topic. */
export interface TopicPage {
  /** The messages begin with the one after this position. */
  readonly position: Position;
  /** The last stored offset, and the first retained one. */
  readonly head: number;
  readonly oldest: number;
  readonly messages: readonly MessageFrame[];
  /** Why messages before the page are unavailable, if they are not merely too old. */
  readonly code: string | undefined;
}

/** The read requests of one connection. */
export class PageRequests {
  readonly requests = new Requests(READ_REQUESTS);
  #cause: CauseFrame | undefined;

  /** The reason of the gap before the next page. @returns whether the frame is for a read */
  caused(frame: CauseFrame): boolean {
    if (!this.requests.isOwn(frame.sub)) return false;
    this.#cause = frame;
    return true;
  }

  paged(frame: PageFrame): void {
    const code = this.#cause?.sub === frame.seq ? this.#cause.code : undefined;
    this.#cause = undefined;
    this.requests.answered(code === undefined ? frame : { ...frame, code });
  }
}

/** A read on its way to a connection for its topic. */
export interface ReadRequest extends RequestHandlers {
  readonly topic: string;
  readonly requestOf: (seq: number) => Request;
}

export interface ReadingHost {
  readonly settings: Pick<Settings, "reconnect" | "publishTimeoutMs">;
  readonly runtime: Pick<Runtime, "now" | "after" | "random">;
  /** Passes a request to a connection for its topic. */
  readonly ask: (request: ReadRequest) => void;
  /** A node answered that it does not own the topic. */
  readonly onMisrouted: () => void;
}

export interface ReadOptions {
  readonly topic: string;
  readonly from: From;
  /** About how many bytes of messages to read. */
  readonly limitBytes: number;
  /** @default the client's `publishTimeoutMs` */
  readonly timeoutMs?: number | undefined;
}

/** All reads of a client. */
export class Reading {
  readonly #host: ReadingHost;
  readonly #pending = new Set<PageRead>();

  constructor(host: ReadingHost) {
    this.#host = host;
  }

  /** @throws SHARDCAST_TIMEOUT, SHARDCAST_CLOSED, or the code with which a node refuses it for good */
  async page(options: ReadOptions): Promise<TopicPage> {
    const read = new PageRead(options, this.#host);
    this.#pending.add(read);
    try {
      return await read.result;
    } finally {
      this.#pending.delete(read);
    }
  }

  /** Ends all reads. */
  close(error: ShardcastError): void {
    for (const read of this.#pending) read.fail(error);
  }
}

class PageRead implements ReadRequest {
  readonly topic: string;
  readonly result: Promise<TopicPage>;
  readonly #options: ReadOptions;
  readonly #host: ReadingHost;
  readonly #cancelTimeout: () => void;
  #cancelRetry: () => void = () => undefined;
  #failureCount = 0;
  /** The last temporary refusal, for the message when the deadline passes. */
  #fault: ShardcastError | undefined;
  #isSettled = false;
  #resolve: (page: TopicPage) => void = () => undefined;
  #reject: (error: unknown) => void = () => undefined;

  constructor(options: ReadOptions, host: ReadingHost) {
    const { topic, timeoutMs = host.settings.publishTimeoutMs } = options;
    this.topic = topic;
    this.#options = options;
    this.#host = host;
    this.result = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#cancelTimeout = host.runtime.after(timeoutMs, () => {
      const because = this.#fault === undefined ? "" : `: ${this.#fault.message}`;
      const detail = `no page of ${topic} within ${timeoutMs} ms${because}`;
      this.fail(new ShardcastError("SHARDCAST_TIMEOUT", detail, { cause: this.#fault }));
    });
    this.#attempt();
  }

  readonly requestOf = (seq: number): Request => {
    const { topic, from, limitBytes } = this.#options;
    return { type: "read", seq, topic, from, limitBytes };
  };

  readonly onLost = (): void => {
    this.#retry();
  };

  readonly onResponse = (response: Response): void => {
    if (response.type === "page" && this.#settle()) this.#resolve(pageOf(response));
    if (response.type !== "reject") return;
    const { error, isFinal } = nodeRefusalOf(response);
    if (error.code === "SHARDCAST_NOT_OWNER") this.#host.onMisrouted();
    this.#fault = error;
    if (isFinal) this.fail(error);
    else this.#retry();
  };

  fail(error: unknown): void {
    if (this.#settle()) this.#reject(error);
  }

  #attempt(): void {
    try {
      this.#host.ask(this);
    } catch (error) {
      // The client has no connection for reads.
      this.fail(error);
    }
  }

  #retry(): void {
    if (this.#isSettled) return;
    const { runtime, settings } = this.#host;
    const waitMs = backoffMs(settings.reconnect, this.#failureCount, runtime.random());
    this.#failureCount += 1;
    this.#cancelRetry();
    this.#cancelRetry = runtime.after(waitMs, () => this.#attempt());
  }

  #settle(): boolean {
    if (this.#isSettled) return false;
    this.#isSettled = true;
    this.#cancelTimeout();
    this.#cancelRetry();
    return true;
  }
}

function pageOf({ position, head, oldest, frames, code }: CodedPage): TopicPage {
  const messages = decodeFrames(frames).filter((frame) => frame.type === "message");
  return { position, head, oldest, messages, code };
}
