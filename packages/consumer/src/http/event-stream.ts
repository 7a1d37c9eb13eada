// A subscription to one topic over HTTP, as server-sent events (WHATWG HTML §9.2). The stream
// counts as a link: it sends heartbeats, is drained, and ends when its token expires.
import type { ServerResponse } from "node:http";
import { bytesTaken } from "@shardcast/process";
import {
  ShardcastError,
  formatPosition,
  isErrorCode,
  type CloseReason,
  type Endpoint,
  type ErrorCode,
  type Frame,
} from "@shardcast/protocol";
import type { SharedFrames } from "@shardcast/protocol/websocket";
import type { AccessHolder, FrameSink, LinkAccess, NodeCore, SweptLink } from "@shardcast/server";
import type { SubscriberHandler } from "../links/subscriber-handler.ts";
import type { EventTexts } from "./event-texts.ts";
import { STREAM_HEADERS, endEvent, retryLine } from "./stream-retry.ts";

const SUB = 0;
/** After the stream has ended, how long a client may take to read the rest. */
const END_MS = 5000;
/** A comment, which clients ignore. */
const COMMENT = Buffer.from(":\n\n");
export interface EventStreamOptions {
  readonly core: NodeCore;
  readonly handler: SubscriberHandler;
  readonly texts: EventTexts;
  readonly id: string;
  readonly topic: string;
  readonly address: string;
  readonly access: LinkAccess | undefined;
}

export class EventStream implements FrameSink, SweptLink, AccessHolder {
  readonly endpoint: Endpoint = "subscribe";
  readonly id: string;
  readonly address: string;
  readonly access: LinkAccess | undefined;
  sweepSlot = 0;
  sweptProgress = -1;
  silentBeats = 0;
  isOpen = true;
  isCongested = false;
  readonly #response: ServerResponse;
  readonly #options: EventStreamOptions;
  #epoch = "";
  /** The cause of the next gap. */
  #cause: string | undefined;
  #chunks: Buffer[] = [];
  #queuedBytes = 0;
  #isDeferred = false;
  #beats = 0;
  #started: ((error?: ShardcastError) => void) | undefined;

  constructor(response: ServerResponse, options: EventStreamOptions) {
    this.id = options.id;
    this.address = options.address;
    this.access = options.access;
    this.#response = response;
    this.#options = options;
  }

  /**
   * Clients send nothing on a stream, so a dead client is detected by the bytes that it does not
   * take.
   */
  get progress(): number {
    const { socket } = this.#response;
    return this.isCongested && socket !== null ? bytesTaken(socket) : this.#beats;
  }

  /**
   * Resolves when the subscription is confirmed and the first bytes are queued.
   * @throws the code with which the subscription is refused
   */
  start(from: Parameters<SubscriberHandler["subscribe"]>[3]): Promise<void> {
    const { core, handler, topic } = this.#options;
    const response = this.#response;
    response.on("close", () => this.#closed());
    // The close event follows.
    response.on("error", () => undefined);
    core.sweep.addLink(this);
    core.events.connected(this);
    if (this.access !== undefined) core.gate.watch(this.access, this);
    return new Promise((resolve, reject) => {
      this.#started = (error) => {
        this.#started = undefined;
        if (error === undefined) resolve();
        else reject(error);
      };
      handler.subscribe(this, SUB, topic, from);
    });
  }

  send(frame: Frame): void {
    switch (frame.type) {
      case "subscribed":
        this.#epoch = frame.position.epoch;
        this.#response.writeHead(200, STREAM_HEADERS);
        // An id without data dispatches no event, but sets the id from which the client resumes.
        this.#write(Buffer.from(`${retryLine()}id: ${formatPosition(frame.position)}\n\n`));
        this.#started?.();
        return;
      case "cause":
        this.#cause = frame.code;
        return;
      case "gap": {
        this.#epoch = frame.epoch;
        const { epoch, first, last } = frame;
        const id = formatPosition({ epoch, offset: last });
        // JSON.stringify omits the code if it is undefined.
        const data = JSON.stringify({ epoch, first, last, code: this.#cause });
        this.#cause = undefined;
        this.#write(Buffer.from(`id: ${id}\nevent: gap\ndata: ${data}\n\n`));
        return;
      }
      case "unsubscribed":
        if (frame.code !== "")
          this.#end(isErrorCode(frame.code) ? frame.code : "SHARDCAST_INTERNAL");
        return;
      default:
    }
  }

  sendShared(shared: SharedFrames): void {
    this.#write(this.#options.texts.of(shared, this.#epoch));
  }

  close(reason: CloseReason): void {
    this.#end(reason);
  }

  terminate(): void {
    this.#response.destroy();
  }

  beat(): void {
    this.#beats += 1;
    // Until the subscription is confirmed, it may still be refused, and the response has no head.
    if (this.#started === undefined) this.#write(COMMENT);
  }

  drain(withinMs: number): void {
    setTimeout(() => this.close("SHARDCAST_NODE_DRAINING"), Math.random() * withinMs).unref();
  }

  regroup(): void {
    // Every node serves every topic.
  }

  expiring(): void {
    // A stream cannot ask its client for a token. It ends, and its client reconnects with another
    // token.
  }

  expired(): void {
    this.close("SHARDCAST_TOKEN_EXPIRED");
  }

  /** Writes everything that this turn queued. */
  endTurn(): void {
    this.#isDeferred = false;
    const chunks = this.#chunks;
    this.#chunks = [];
    this.#queuedBytes = 0;
    const last = chunks.pop();
    if (!this.isOpen || last === undefined) return;
    this.#response.cork();
    for (const chunk of chunks) this.#response.write(chunk);
    if (this.isCongested) this.#response.write(last, () => this.#writable());
    else this.#response.write(last);
    this.#response.uncork();
  }

  /**
   * Queues bytes for the end of this turn. Over the high-water mark, the topic stops pushing to
   * this stream.
   */
  #write(chunk: Buffer): void {
    if (!this.isOpen) return;
    this.#chunks.push(chunk);
    this.#queuedBytes += chunk.length;
    const { highWaterBytes } = this.#options.core.options;
    if (this.#queuedBytes + this.#response.writableLength > highWaterBytes) this.isCongested = true;
    if (this.#isDeferred) return;
    this.#isDeferred = true;
    this.#options.core.turn.deferWrite(this);
  }

  /** Called when a stream that was congested has handed all its bytes to the kernel. */
  #writable(): void {
    if (!this.isOpen) return;
    this.isCongested = false;
    this.#options.handler.writable(this);
  }

  #end(code: ErrorCode): void {
    if (!this.isOpen) return;
    if (this.#started !== undefined) {
      this.#started(new ShardcastError(code));
      this.#closed();
      return;
    }
    this.#write(Buffer.from(endEvent(code)));
    this.endTurn();
    // Do not wait for a client that has stopped reading: its link no longer counts.
    const response = this.#response;
    const timer = setTimeout(() => response.destroy(), END_MS).unref();
    response.end(() => clearTimeout(timer));
    this.#closed();
  }

  #closed(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    const { core, handler } = this.#options;
    core.sweep.deleteLink(this);
    core.events.disconnected(this);
    if (this.access !== undefined) core.gate.leave(this.access);
    handler.closed(this);
    this.#started?.(new ShardcastError("SHARDCAST_LINK_LOST"));
  }
}
