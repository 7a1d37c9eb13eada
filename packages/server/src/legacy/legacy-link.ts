// A link of the original protocol, from the client's proof on: frames of text in and out, one write a
// turn, and the node's own answer, which leaves when the link's role is ready and not before.
import { randomUUID } from "node:crypto";
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
import type { NodeSocket } from "../link/node-socket.ts";
import { TurnLink, type LinkContext } from "../link/turn-link.ts";
import { frameText, PING } from "@shardcast/protocol/websocket";

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

export class LegacyLink extends TurnLink {
  readonly id = randomUUID();
  readonly address: string;
  /** Who knows the key may do all. */
  readonly access = undefined;
  readonly #handshake: LegacyHandshake;
  readonly #role: LegacyRole;
  #isReady = false;
  #hasAnswered = false;

  constructor(socket: NodeSocket, tcp: Socket, options: LegacyLinkOptions) {
    super(socket, tcp, options.endpoint, options.context);
    this.address = tcp.remoteAddress ?? "";
    this.#handshake = options.handshake;
    this.#role = options.role(this);
  }

  open(): void {
    this.attach();
    this.#role.opened();
  }

  /** The client may be told that it is in: a subscription that it asked for stands. */
  ready(): void {
    this.#isReady = true;
    this.#answer();
  }

  received(data: Buffer, isBinary: boolean): void {
    if (!this.isOpen) return;
    try {
      if (isBinary) throw new ShardcastError("SHARDCAST_FRAME_MALFORMED");
      this.#dispatch(decodeLegacyFrame(data.toString("utf8")));
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Queues whole WebSocket frames for the end of this turn. */
  write(chunk: Buffer): void {
    this.queue(chunk);
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

  regroup(): void {
    // The original knows its nodes from its own options.
  }

  close(code: ErrorCode): void {
    this.closeWith(legacyCloseCodeOf(code), code);
  }

  protected seal(): void {
    // Texts are queued whole.
  }

  protected writable(): void {
    this.#role.writable();
  }

  protected ended(): void {
    this.#role.closed();
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

  /** Ends the link for what the peer did, or for a fault of the node's own. */
  #fail(error: unknown): void {
    const code = error instanceof ShardcastError ? error.code : "SHARDCAST_INTERNAL";
    this.close(code);
    if (code === "SHARDCAST_INTERNAL") this.context.logger.error({ error }, "a legacy link failed");
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
