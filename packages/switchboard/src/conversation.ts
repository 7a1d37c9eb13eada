// One WebSocket of a user: what the client says is published, and what is said to the user is sent to it from its
// position on. A client that does not read is followed up from the log, and holds nothing up.
//
// A position is confirmed by a ping that carries it: every WebSocket client answers with the same bytes, once it
// has all that was sent before.
import { TokenBucket } from "@shardcast/process";
import { ShardcastError, type Gap, type Message, type Subscription } from "@shardcast/client";
import { NO_EPOCH, formatPosition } from "@shardcast/protocol";
import type { Logger } from "pino";
import type { RawData, WebSocket } from "ws";
import {
  isFault,
  readClientFrame,
  withPosition,
  type ClientFrame,
  type SwitchboardFrame,
} from "./client-frame.ts";
import type { Cluster } from "./cluster.ts";
import { ConfirmedPosition } from "./confirmed-position.ts";
import type { SwitchboardMetrics } from "./metrics.ts";
import { PacedFrames } from "./paced-frames.ts";
import { isRefusal } from "./problem.ts";
import { downTopic, upTopic, type UserId } from "./user.ts";

/** Unsent bytes from which on nothing more is taken from the log for a client. */
const HIGH_WATER_BYTES = 256 * 1024;
const LOW_WATER_BYTES = 64 * 1024;
/** Before the first message of a topic that nobody has used yet. */
export const FIRST_POSITION = formatPosition({ epoch: NO_EPOCH, offset: 0 });

/** RFC 6455 and the registry of close codes. */
export const CLOSE_CODES = { policy: 1008, internal: 1011, restart: 1012, tryLater: 1013 } as const;

export interface ConversationContext {
  readonly cluster: Cluster;
  readonly metrics: SwitchboardMetrics;
  readonly logger: Logger;
  readonly messagesPerSecond: number;
  readonly burstMessages: number;
}

export interface ConversationStart {
  readonly userId: UserId;
  /** It gets what comes after it. */
  readonly position: string;
}

export class Conversation {
  readonly userId: UserId;
  readonly #socket: WebSocket;
  readonly #context: ConversationContext;
  readonly #frames: PacedFrames;
  readonly #confirmed: ConfirmedPosition;
  #position: string;
  #subscription: Subscription | undefined;
  /** The position that a ping is under way with. */
  #askedFor: string | undefined;
  #isAlive = true;
  #state: "open" | "draining" | "closed" = "open";

  constructor(socket: WebSocket, start: ConversationStart, context: ConversationContext) {
    const { messagesPerSecond, burstMessages, cluster, logger } = context;
    this.userId = start.userId;
    this.#socket = socket;
    this.#context = context;
    this.#position = start.position;
    this.#confirmed = new ConfirmedPosition(cluster, start.userId, logger);
    const bucket = new TokenBucket(messagesPerSecond, performance.now(), burstMessages);
    this.#frames = new PacedFrames(socket, bucket, (data, isBinary) => this.#take(data, isBinary));
    socket.on("pong", (data) => this.#socketOnPong(data));
    socket.on("close", () => this.#socketOnClose());
  }

  /** Begins to send what is said to the user. */
  follow(): void {
    if (this.#state === "closed") return;
    const { cluster } = this.#context;
    const from = this.#isUnused ? "earliest" : this.#position;
    try {
      const subscription = cluster.subscribe(downTopic(this.userId), from);
      this.#subscription = subscription;
      subscription.on("message", (message) => this.#deliver(message));
      subscription.on("gap", (gap) => this.#miss(gap));
      subscription.on("error", (error) => this.#failed(error));
    } catch (error) {
      this.#failed(error);
    }
  }

  tell(frame: SwitchboardFrame): void {
    this.#send(JSON.stringify(frame));
  }

  /** One heartbeat: closes a client that has not answered the one before. */
  beat(): void {
    if (!this.#isAlive) {
      this.#socket.terminate();
      return;
    }
    // A pong may stand behind what is not read yet.
    this.#isAlive = this.#frames.isHolding;
    this.#askedFor = this.#position;
    this.#socket.ping(this.#position);
  }

  /** Takes no more messages of the client; answers and what is said to it still come. */
  drain(): void {
    // What has come already is taken, whatever its turn.
    this.#frames.flush();
    if (this.#state === "open") this.#state = "draining";
  }

  close(code: number, reason: string): void {
    this.#socket.close(code, reason);
  }

  /** Does not wait for the client. */
  terminate(): void {
    this.#socket.terminate();
  }

  /** Resolves when the socket is closed and nothing that came over it waits. */
  get ended(): Promise<void> {
    return this.#frames.ended;
  }

  /** Of the last message that was sent to the client. */
  get position(): string {
    return this.#position;
  }

  get #isUnused(): boolean {
    return this.#position === FIRST_POSITION;
  }

  #deliver(message: Message): void {
    const { epoch, offset } = message;
    // What was before it is no longer kept; a topic that is read from its beginning announces no gap.
    if (this.#isUnused && offset > 1) this.#miss({ epoch, first: 1, last: offset - 1 });
    this.#position = message.position;
    const frame = withPosition(message.text(), this.#position);
    if (frame === undefined) {
      const { topic, position } = message;
      this.#context.logger.warn({ topic, position }, "what is not a JSON object is left out");
      return;
    }
    this.#context.metrics.deliveredCount += 1;
    this.#send(frame);
    if (this.#askedFor === undefined) queueMicrotask(() => this.#ask());
    if (this.#socket.bufferedAmount > HIGH_WATER_BYTES) this.#pause();
  }

  #miss({ epoch, first, last }: Omit<Gap, "isNewEpoch">): void {
    // The first life of a topic that nobody had used: nothing was there to be missed.
    const isFirstLife = this.#isUnused && last < first;
    this.#position = formatPosition({ epoch, offset: last });
    if (!isFirstLife) this.tell({ type: "gap", position: this.#position });
  }

  #pause(): void {
    this.#subscription?.close();
    this.#subscription = undefined;
  }

  /** Asks the client to confirm all that was sent. */
  #ask(): void {
    if (this.#askedFor !== undefined || this.#state === "closed") return;
    this.#askedFor = this.#position;
    this.#socket.ping(this.#position);
  }

  #send(text: string): void {
    if (this.#state !== "closed") this.#socket.send(text, () => this.#written());
  }

  /** Goes on after a pause. */
  #written(): void {
    const { readyState, OPEN, bufferedAmount } = this.#socket;
    if (this.#subscription !== undefined || readyState !== OPEN) return;
    if (bufferedAmount <= LOW_WATER_BYTES) this.follow();
  }

  /** The subscription has ended. The client comes back to another node, or to this one. */
  #failed(error: unknown): void {
    this.#context.logger.warn({ error }, "what is said to a user cannot be followed");
    this.close(CLOSE_CODES.tryLater, "SWITCHBOARD_CLUSTER_UNAVAILABLE");
  }

  #take(data: RawData, isBinary: boolean): void {
    const frame = isBinary
      ? ({ code: "SWITCHBOARD_FRAME_BINARY", reason: "frames are text" } as const)
      : readClientFrame(textOf(data));
    if (isFault(frame)) this.#refuse(frame.code, frame.reason, undefined);
    else if (this.#state === "draining") {
      this.#refuse("SWITCHBOARD_STOPPING", "the node is stopping; send it to another", frame.id);
    } else void this.#publish(frame);
  }

  async #publish({ message, payload, id }: ClientFrame): Promise<void> {
    const { cluster, metrics, logger } = this.#context;
    const postback = { Body: message, From: this.userId, Payload: payload };
    try {
      const messageId = id === undefined ? undefined : `client:${id}`;
      await cluster.publish(upTopic(this.userId), postback, { messageId });
      metrics.publishedCount += 1;
      if (id !== undefined) this.tell({ type: "sent", id });
    } catch (error) {
      // Its own text may tell of the cluster what is nobody's business.
      const code = error instanceof ShardcastError ? error.code : "SWITCHBOARD_INTERNAL";
      logger.warn({ error }, "a client's message could not be stored");
      const isFinal = error instanceof ShardcastError && isRefusal(error);
      const reason = isFinal
        ? "the message was refused"
        : "the message may not have been stored; send it again by the same id";
      this.#refuse(code, reason, id);
    }
  }

  #refuse(code: string, reason: string, id: string | undefined): void {
    this.#context.metrics.refusedCount += 1;
    if (this.#socket.bufferedAmount > HIGH_WATER_BYTES) {
      // It sends, and does not read what it is told.
      this.#socket.terminate();
      return;
    }
    this.tell({ type: "error", code, reason, id });
  }

  #socketOnPong(data: Buffer): void {
    this.#isAlive = true;
    const position = data.toString("latin1");
    if (position !== this.#askedFor) return;
    this.#askedFor = undefined;
    if (position !== FIRST_POSITION) this.#confirmed.confirm(position);
    if (position !== this.#position) this.#ask();
  }

  #socketOnClose(): void {
    this.#state = "closed";
    this.#subscription?.close();
    this.#confirmed.flush();
  }
}

function textOf(data: RawData): string {
  if (Array.isArray(data)) return Buffer.concat(data).toString();
  return Buffer.isBuffer(data) ? data.toString() : Buffer.from(data).toString();
}
