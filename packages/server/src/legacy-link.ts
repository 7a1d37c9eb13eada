// A link of the original protocol, from the client's proof on: frames of text in and out, one write a
// turn, and the node's own answer, which leaves when the link's role is ready and not before.
import type { Socket } from "node:net";
import {
  ShardcastError,
  decodeLegacyFrame,
  encodeLegacyFrame,
  type Endpoint,
  type ErrorCode,
  type LegacyFrame,
  type LegacyHandshake,
} from "@shardcast/protocol";
import type { LinkContext } from "./link.ts";
import type { NodeSocket, SocketOwner } from "./node-socket.ts";
import type { SweptLink } from "./sweep.ts";
import type { TurnWork } from "./turn.ts";
import { frameText, PING } from "./websocket-frame.ts";

const NO_CHUNKS: Buffer[] = [];

/** What the link's endpoint does with it. */
export interface LegacyRole {
  /** The client has proved itself. Calls `ready` on the link when the client may be told so. */
  opened(): void;
  /** A message, subscribe or unsubscribe frame. */
  received(frame: LegacyFrame): void;
  /** All that was written has left the process, after the link had been congested. */
  writable(): void;
  closed(): void;
}

export interface LegacyLinkOptions {
  readonly endpoint: Endpoint;
  readonly handshake: LegacyHandshake;
  readonly role: (link: LegacyLink) => LegacyRole;
  readonly context: LinkContext;
}

export class LegacyLink implements SocketOwner, SweptLink, TurnWork {
  readonly endpoint: Endpoint;
  isHeard = true;
  isSilent = false;
  sweepSlot = 0;
  readonly #socket: NodeSocket;
  readonly #tcp: Socket;
  readonly #context: LinkContext;
  readonly #handshake: LegacyHandshake;
  readonly #role: LegacyRole;
  #isReady = false;
  #hasAnswered = false;
  #chunks: Buffer[] = NO_CHUNKS;
  #isDeferred = false;
  #isOpen = true;
  #isCongested = false;
  #pauseCount = 0;

  constructor(socket: NodeSocket, tcp: Socket, options: LegacyLinkOptions) {
    this.endpoint = options.endpoint;
    this.#socket = socket;
    this.#tcp = tcp;
    this.#context = options.context;
    this.#handshake = options.handshake;
    this.#role = options.role(this);
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** More than the high-water mark waits to be sent. */
  get isCongested(): boolean {
    return this.#isCongested;
  }

  open(): void {
    this.#socket.owner = this;
    try {
      this.#role.opened();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** The client may be told that it is in: a subscription that it asked for stands. */
  ready(): void {
    this.#isReady = true;
    this.#answer();
  }

  received(data: Buffer, isBinary: boolean): void {
    this.isHeard = true;
    if (!this.#isOpen) return;
    try {
      if (isBinary) throw new ShardcastError("SHARDCAST_FRAME_MALFORMED");
      this.#dispatch(decodeLegacyFrame(data.toString("utf8")));
    } catch (error) {
      this.#fail(error);
    }
  }

  heard(): void {
    this.isHeard = true;
  }

  /** Queues whole WebSocket frames for the end of this turn. */
  write(chunk: Buffer): void {
    if (!this.#isOpen) return;
    if (this.#chunks === NO_CHUNKS) this.#chunks = [];
    this.#chunks.push(chunk);
    if (this.#isDeferred) return;
    this.#isDeferred = true;
    this.#context.turn.deferWrite(this);
  }

  /** The original has no heartbeat, but every WebSocket client answers a ping by itself. */
  beat(): void {
    this.write(PING);
  }

  /**
   * The original cannot be told to move: a client is closed some time within the time that the others have.
   * A producer of the original stays to the end, as all nodes do.
   */
  drain(withinMs: number): void {
    if (this.endpoint === "producer") return;
    setTimeout(() => this.close("SHARDCAST_NODE_DRAINING"), Math.random() * withinMs).unref();
  }

  /** Stops reading from the peer until as many `resumeReading` have come. */
  pauseReading(): void {
    this.#pauseCount += 1;
    if (this.#pauseCount === 1) this.#socket.pause();
  }

  resumeReading(): void {
    this.#pauseCount -= 1;
    if (this.#pauseCount === 0) this.#socket.resume();
  }

  /** Sends what is queued, then the close. */
  close(code: ErrorCode): void {
    if (!this.#isOpen) return;
    this.endTurn();
    this.#isOpen = false;
    this.#socket.close(legacyCloseCodeOf(code), code);
  }

  terminate(): void {
    this.#socket.terminate();
  }

  /** The socket is gone. */
  closed(): void {
    this.#isOpen = false;
    this.#chunks = NO_CHUNKS;
    this.#context.sweep.deleteLink(this);
    this.#role.closed();
  }

  endTurn(): void {
    this.#isDeferred = false;
    const chunks = this.#chunks;
    this.#chunks = NO_CHUNKS;
    if (!this.#isOpen || chunks === NO_CHUNKS) return;
    this.#tcp.cork();
    for (const chunk of chunks) this.#tcp.write(chunk);
    this.#tcp.uncork();
    if (!this.#isCongested && this.#tcp.writableLength > this.#context.highWaterBytes) {
      this.#isCongested = true;
      this.pauseReading();
      this.#tcp.once("drain", () => {
        this.#drained();
      });
    }
  }

  #dispatch(frame: LegacyFrame): void {
    if (frame.type !== "challenge" && frame.type !== "answer") {
      this.#role.received(frame);
      return;
    }
    // The client's challenge may come after its answer; anything else of the handshake is over.
    if (this.#handshake.receive(frame) === "wait") this.#answer();
    else this.close("SHARDCAST_FRAME_UNEXPECTED");
  }

  #answer(): void {
    const { answer } = this.#handshake;
    if (!this.#isReady || this.#hasAnswered || answer === undefined) return;
    this.#hasAnswered = true;
    this.write(frameText(encodeLegacyFrame({ type: "answer", answer })));
  }

  #drained(): void {
    this.isHeard = true;
    this.#isCongested = false;
    this.resumeReading();
    if (this.#isOpen) this.#role.writable();
  }

  /** Ends the link for what the peer did, or for a fault of the node's own. */
  #fail(error: unknown): void {
    const code = error instanceof ShardcastError ? error.code : "SHARDCAST_INTERNAL";
    this.close(code);
    if (code === "SHARDCAST_INTERNAL")
      this.#context.logger.error({ error }, "a legacy link failed");
  }
}

/** The original knows none of Shardcast's close codes, and looks at none: those of RFC 6455 §7.4.1 do. */
export function legacyCloseCodeOf(code: ErrorCode): number {
  switch (code) {
    case "SHARDCAST_NODE_DRAINING":
      return 1001;
    case "SHARDCAST_INTERNAL":
      return 1011;
    case "SHARDCAST_OWNER_UNAVAILABLE":
      return 1013;
    default:
      return 1008;
  }
}
