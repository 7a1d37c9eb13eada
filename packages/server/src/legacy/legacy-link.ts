// A link of the original protocol, after the client's proof: text frames in and out, and one write
// per turn. The node sends its own answer to the handshake when the link's role is ready.
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

/** Handles the events of the link for its endpoint. */
export interface LegacyRole {
  /**
   * The client has proved itself. The role calls `ready` on the link when the node may send its
   * answer.
   */
  opened(): void;
  /** Called with a message, subscribe or unsubscribe frame. */
  received(frame: LegacyFrame): void;
  /** Called when a link that was congested has handed all its bytes to the kernel. */
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
  /** Undefined: a client that knows the pre-shared key may do everything. */
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

  /** Sends the node's answer to the handshake, once the client has sent its challenge. */
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

  /** The original protocol has no heartbeat, but every WebSocket client answers a ping. */
  beat(): void {
    this.write(PING);
  }

  /**
   * The original protocol cannot ask a client to move, so the node closes the link at a random time
   * within `withinMs`. Links from producers of the original queue stay until the end, as those of
   * all nodes do.
   */
  drain(withinMs: number): void {
    if (this.endpoint === "producer") return;
    setTimeout(() => this.close("SHARDCAST_NODE_DRAINING"), Math.random() * withinMs).unref();
  }

  regroup(): void {
    // The original queue reads its nodes from its own options.
  }

  close(code: ErrorCode): void {
    this.closeWith(legacyCloseCodeOf(code), code);
  }

  protected seal(): void {
    // Nothing to do: texts are queued whole.
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
    // The client's challenge may come after its answer; any other handshake frame is unexpected.
    if (this.#handshake.receive(frame) === "wait") this.#answer();
    else this.close("SHARDCAST_FRAME_UNEXPECTED");
  }

  #answer(): void {
    const { answer } = this.#handshake;
    if (!this.#isReady || this.#hasAnswered || answer === undefined) return;
    this.#hasAnswered = true;
    this.write(frameText(encodeLegacyFrame({ type: "answer", answer })));
  }

  /** Closes the link after a fault of the peer, or of the node itself. */
  #fail(error: unknown): void {
    const code = error instanceof ShardcastError ? error.code : "SHARDCAST_INTERNAL";
    this.close(code);
    if (code === "SHARDCAST_INTERNAL") this.context.logger.error({ error }, "a legacy link failed");
  }
}

/**
 * The original queue ignores close codes and knows none of Shardcast's, so use those of RFC 6455
 * §7.4.1.
 */
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
