// One WebSocket of a user. The client's messages are published; messages to the user are sent to the client from its
// position on. A client that reads slowly catches up from the log, and delays no other client.
//
// The switchboard sends a ping that carries a position. Every WebSocket client answers with the same bytes after it has
// received everything before the ping, which confirms the position.
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
import type { ClusterClient } from "./cluster-client.ts";
import { ConfirmedPosition } from "./confirmed-position.ts";
import type { SwitchboardMetrics } from "./metrics.ts";
import { PacedFrames } from "./paced-frames.ts";
import { isPermanentRefusal } from "./http-problem.ts";
import { downTopic, upTopic, type UserId } from "./user.ts";

/** With more unsent bytes than this, nothing more is read from the log for the client. */
const HIGH_WATER_BYTES = 256 * 1024;
const LOW_WATER_BYTES = 64 * 1024;
/** The position before the first message of an unused topic. */
export const FIRST_POSITION = formatPosition({ epoch: NO_EPOCH, offset: 0 });

/** Close codes of RFC 6455 and of the IANA registry. */
export const CLOSE_CODES = { policy: 1008, internal: 1011, restart: 1012, tryLater: 1013 } as const;

export interface UserConversationContext {
  readonly cluster: ClusterClient;
  readonly metrics: SwitchboardMetrics;
  readonly logger: Logger;
  readonly messagesPerSecond: number;
  readonly burstMessages: number;
}

export interface UserConversationStart {
  readonly userId: UserId;
  /** The client receives the messages after this position. */
  readonly position: string;
}

export class UserConversation {
  readonly userId: UserId;
  readonly #socket: WebSocket;
  readonly #context: UserConversationContext;
  readonly #frames: PacedFrames;
  readonly #confirmed: ConfirmedPosition;
  #position: string;
  #subscription: Subscription | undefined;
  /** The position in the unanswered ping. */
  #askedFor: string | undefined;
  #isAlive = true;
  #state: "open" | "draining" | "closed" = "open";

  constructor(socket: WebSocket, start: UserConversationStart, context: UserConversationContext) {
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

  /** Starts to deliver the messages to the user. */
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

  /** Sends a heartbeat. Closes the socket if the client did not answer the previous one. */
  beat(): void {
    // While the socket is not read, a pong may be among the unread data, also one for an earlier heartbeat.
    const { isHolding } = this.#frames;
    if (!this.#isAlive && !isHolding) {
      this.#socket.terminate();
      return;
    }
    this.#isAlive = isHolding;
    this.#askedFor = this.#position;
    this.#socket.ping(this.#position);
  }

  /** Accepts no more messages of the client. Answers and messages to the user are still sent. */
  drain(): void {
    // Messages that have arrived are accepted without waiting for the rate limit.
    this.#frames.flush();
    if (this.#state === "open") this.#state = "draining";
  }

  close(code: number, reason: string): void {
    this.#socket.close(code, reason);
  }

  /** Closes the socket without waiting for the client. */
  terminate(): void {
    this.#socket.terminate();
  }

  /** Resolves when the socket is closed and all received frames are processed. */
  get ended(): Promise<void> {
    return this.#frames.ended;
  }

  /** The position of the last message that was sent to the client. */
  get position(): string {
    return this.#position;
  }

  get #isUnused(): boolean {
    return this.#position === FIRST_POSITION;
  }

  #deliver(message: Message): void {
    const { epoch, offset } = message;
    // The earlier messages are no longer retained. A read from the beginning of a topic reports no gap.
    if (this.#isUnused && offset > 1) this.#miss({ epoch, first: 1, last: offset - 1 });
    this.#position = message.position;
    const frame = withPosition(message.text(), this.#position);
    if (frame === undefined) {
      const { topic, position } = message;
      this.#context.logger.warn(
        { topic, position },
        "a message that is not a JSON object was left out",
      );
      return;
    }
    this.#context.metrics.deliveredCount += 1;
    this.#send(frame);
    if (this.#askedFor === undefined) queueMicrotask(() => this.#ask());
    if (this.#socket.bufferedAmount > HIGH_WATER_BYTES) this.#pause();
  }

  #miss({ epoch, first, last }: Omit<Gap, "isNewEpoch">): void {
    // If the topic was unused until now, no message was missed.
    const isFirstLife = this.#isUnused && last < first;
    this.#position = formatPosition({ epoch, offset: last });
    if (!isFirstLife) this.tell({ type: "gap", position: this.#position });
  }

  #pause(): void {
    this.#subscription?.close();
    this.#subscription = undefined;
  }

  /** Asks the client to confirm all messages sent so far. */
  #ask(): void {
    if (this.#askedFor !== undefined || this.#state === "closed") return;
    this.#askedFor = this.#position;
    this.#socket.ping(this.#position);
  }

  #send(text: string): void {
    if (this.#state !== "closed") this.#socket.send(text, () => this.#written());
  }

  /** Resumes after a pause. */
  #written(): void {
    const { readyState, OPEN, bufferedAmount } = this.#socket;
    if (this.#subscription !== undefined || readyState !== OPEN) return;
    if (bufferedAmount <= LOW_WATER_BYTES) this.follow();
  }

  /** The subscription has ended. The client will reconnect to this node or another. */
  #failed(error: unknown): void {
    this.#context.logger.warn({ error }, "the messages to a user cannot be followed");
    this.close(CLOSE_CODES.tryLater, "SWITCHBOARD_CLUSTER_UNAVAILABLE");
  }

  #take(data: RawData, isBinary: boolean): void {
    const frame = isBinary
      ? ({ code: "SWITCHBOARD_FRAME_BINARY", reason: "frames must be text" } as const)
      : readClientFrame(textOf(data));
    if (isFault(frame)) this.#refuse(frame.code, frame.reason, undefined);
    else if (this.#state === "draining") {
      this.#refuse(
        "SWITCHBOARD_STOPPING",
        "the node is stopping; send the message to another node",
        frame.id,
      );
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
      // The error's message may contain details of the cluster, so the client gets only the code.
      const code = error instanceof ShardcastError ? error.code : "SWITCHBOARD_INTERNAL";
      logger.warn({ error }, "a client's message could not be stored");
      const isFinal = error instanceof ShardcastError && isPermanentRefusal(error);
      const reason = isFinal
        ? "the message was refused"
        : "the message may not have been stored; send it again with the same id";
      this.#refuse(code, reason, id);
    }
  }

  #refuse(code: string, reason: string, id: string | undefined): void {
    this.#context.metrics.refusedCount += 1;
    if (this.#socket.bufferedAmount > HIGH_WATER_BYTES) {
      // The client sends, but does not read the answers.
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
