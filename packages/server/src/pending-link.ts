// The handshake of one socket, from the challenge to the welcome. It carries one frame each way and
// nothing else; then the link takes the socket over.
import { randomUUID } from "node:crypto";
import type { Socket } from "node:net";
import {
  NodeHandshake,
  SUBPROTOCOLS,
  ShardcastError,
  closeCodeOf,
  decodeFrames,
  decodeJsonFrames,
  encodeFrame,
  encodeJsonFrame,
  type CloseReason,
  type Endpoint,
  type Frame,
  type Keys,
  type LinkLimits,
  type ProofFrame,
  type Subprotocol,
} from "@shardcast/protocol";
import { createNonce } from "@shardcast/protocol/proof";
import { Link } from "./link.ts";
import type { NodeSocket } from "./node-socket.ts";
import { PendingSocket } from "./pending-socket.ts";
import type { Route } from "./route.ts";
import type { LinkContext } from "./turn-link.ts";

/** What the handshakes of a node have in common. */
export interface HandshakeOptions {
  readonly nodeId: string;
  readonly keys: Keys;
  readonly limits: LinkLimits;
  /** Links of some endpoints carry the publishes of many clients. */
  readonly windowOf: (endpoint: Endpoint) => number;
  readonly handshakeTimeoutMs: number;
  readonly context: LinkContext;
  readonly counters: { handshakes: number; handshakeFailures: number };
}

/** What the upgrade came to. */
export interface HandshakeOffer {
  readonly route: Route;
  readonly subprotocol: Subprotocol;
}

export class PendingLink extends PendingSocket {
  readonly #socket: NodeSocket;
  readonly #tcp: Socket;
  readonly #options: HandshakeOptions;
  readonly #offer: HandshakeOffer;
  readonly #handshake: NodeHandshake;

  private constructor(
    socket: NodeSocket,
    tcp: Socket,
    options: HandshakeOptions,
    offer: HandshakeOffer,
  ) {
    super(socket, tcp, { ...options, sweep: options.context.sweep });
    this.#socket = socket;
    this.#tcp = tcp;
    this.#options = options;
    this.#offer = offer;
    const { route, subprotocol } = offer;
    const context = { endpoint: route.endpoint, subprotocol };
    this.#handshake = new NodeHandshake(options.keys, context, createNonce());
  }

  /** Sends the challenge; from here on the handshake runs by itself. */
  static start(
    socket: NodeSocket,
    tcp: Socket,
    options: HandshakeOptions,
    offer: HandshakeOffer,
  ): void {
    const pending = new PendingLink(socket, tcp, options, offer);
    const { challenge } = pending.#handshake;
    pending.begin(pending.#isJson ? encodeJsonFrame(challenge) : encodeFrame(challenge));
  }

  received(data: Buffer, isBinary: boolean): void {
    try {
      const frame = this.#decode(data, isBinary);
      if (frame.type !== "proof") throw new ShardcastError("SHARDCAST_FRAME_UNEXPECTED");
      this.#accept(frame);
    } catch (error) {
      this.fail(reasonOf(error));
    }
  }

  protected closeCodeOf(reason: CloseReason): number {
    return closeCodeOf(reason);
  }

  get #isJson(): boolean {
    return this.#offer.subprotocol === SUBPROTOCOLS.json;
  }

  #accept(proof: ProofFrame): void {
    const { nodeId, limits, windowOf, context } = this.#options;
    const { endpoint, handler, target } = this.#offer.route;
    const id = randomUUID();
    const fields = { ...limits, windowMessages: windowOf(endpoint), nodeId, linkId: id };
    const welcome = this.#handshake.accept(proof, fields);
    if (welcome === undefined) {
      this.fail("SHARDCAST_HANDSHAKE_FAILED");
      return;
    }
    this.succeed();
    const options = { id, endpoint, isJson: this.#isJson, handler, context };
    new Link(this.#socket, this.#tcp, options).open(welcome, target);
  }

  #decode(data: Buffer, isBinary: boolean): Frame {
    if (isBinary === this.#isJson) throw new ShardcastError("SHARDCAST_FRAME_MALFORMED");
    const frames = this.#isJson ? decodeJsonFrames(data.toString("utf8")) : decodeFrames(data);
    const [frame] = frames;
    if (frame === undefined || frames.length > 1) {
      throw new ShardcastError("SHARDCAST_FRAME_UNEXPECTED");
    }
    return frame;
  }
}

function reasonOf(error: unknown): CloseReason {
  if (!(error instanceof ShardcastError)) return "SHARDCAST_INTERNAL";
  const isUnexpected =
    error.code === "SHARDCAST_FRAME_UNKNOWN" || error.code === "SHARDCAST_FRAME_UNEXPECTED";
  return isUnexpected ? "SHARDCAST_FRAME_UNEXPECTED" : "SHARDCAST_FRAME_MALFORMED";
}
