// The handshake of one socket, from the challenge to the welcome. Each side sends one frame; then
// the link takes over the socket.
import { randomUUID } from "node:crypto";
import type { Socket } from "node:net";
import {
  MAC_BYTES,
  NodeHandshake,
  SUBPROTOCOLS,
  ShardcastError,
  closeCodeOf,
  decodeFrames,
  decodeJsonFrames,
  encodeFrame,
  encodeJsonFrame,
  isForTokens,
  type CloseReason,
  type Endpoint,
  type Frame,
  type HandshakeKeys,
  type LinkLimits,
  type ProofFrame,
  type WelcomeFields,
  type Subprotocol,
  type WelcomeFrame,
} from "@shardcast/protocol";
import { createNonce } from "@shardcast/protocol/proof";
import type { Gate } from "../access/gate.ts";
import type { Identity } from "../access/identity.ts";
import type { LinkAccess } from "../access/link-access.ts";
import { tokenFault } from "../access/token-fault.ts";
import { Link } from "./link.ts";
import type { NodeSocket } from "./node-socket.ts";
import { PendingSocket } from "./pending-socket.ts";
import type { Route } from "./route.ts";
import type { LinkContext } from "./turn-link.ts";

/** Sent to a client with a token: it has no key by which the node could prove itself. */
const NO_MAC = new Uint8Array(MAC_BYTES);

/** The parts that all handshakes of a node share. */
export interface HandshakeOptions {
  readonly nodeId: string;
  readonly keys: HandshakeKeys;
  readonly limits: LinkLimits;
  /**
   * The publish window of an endpoint, in messages. It is larger where a link carries the publishes
   * of many clients.
   */
  readonly windowOf: (endpoint: Endpoint) => number;
  readonly handshakeTimeoutMs: number;
  readonly context: LinkContext;
  readonly gate: Gate;
  readonly counters: { handshakes: number; handshakeFailures: number };
}

/** The route, subprotocol and token of the upgrade request. */
export interface HandshakeOffer {
  readonly route: Route;
  readonly subprotocol: Subprotocol;
  /** The client's address, as seen behind the proxies. */
  readonly address: string;
  /** The token that the upgrade request carried. */
  readonly token: string | undefined;
}

export class PendingLink extends PendingSocket {
  readonly #socket: NodeSocket;
  readonly #tcp: Socket;
  readonly #options: HandshakeOptions;
  readonly #offer: HandshakeOffer;
  readonly #handshake: NodeHandshake;
  #isAnswered = false;

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

  /** Sends the challenge and starts the handshake. */
  static start(
    socket: NodeSocket,
    tcp: Socket,
    options: HandshakeOptions,
    offer: HandshakeOffer,
  ): void {
    const pending = new PendingLink(socket, tcp, options, offer);
    if (offer.token !== undefined) {
      pending.begin(undefined);
      pending.#identify(offer.token);
      return;
    }
    const { challenge } = pending.#handshake;
    pending.begin(pending.#isJson ? encodeJsonFrame(challenge) : encodeFrame(challenge));
  }

  received(data: Buffer, isBinary: boolean): void {
    try {
      const frame = this.#decode(data, isBinary);
      if (this.#isAnswered) throw new ShardcastError("SHARDCAST_FRAME_UNEXPECTED");
      if (frame.type === "proof") this.#accept(frame);
      else if (frame.type === "token") this.#identify(frame.token);
      else throw new ShardcastError("SHARDCAST_FRAME_UNEXPECTED");
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
    const welcome = this.#handshake.accept(proof, this.#welcomeFields());
    if (welcome === undefined) this.fail("SHARDCAST_HANDSHAKE_FAILED");
    else this.#open(welcome, undefined);
  }

  /** Accepts a token instead of a proof. Another frame before the answer is an error. */
  #identify(token: string): void {
    this.#isAnswered = true;
    const { context, gate } = this.#options;
    const { route, address } = this.#offer;
    if (!isForTokens(route.endpoint)) {
      this.fail("SHARDCAST_FORBIDDEN");
      return;
    }
    this.#identityOf(token)
      .then((identity) => {
        if (!this.isPending) return;
        const access = gate.enter(identity, address);
        this.#open({ type: "welcome", mac: NO_MAC, ...this.#welcomeFields() }, access);
      })
      .catch((error: unknown) => {
        const isExpected = error instanceof ShardcastError;
        if (!isExpected) context.logger.error({ error }, "a token could not be checked");
        this.fail(tokenFault(error), isExpected ? error.message : "");
      });
  }

  async #identityOf(token: string): Promise<Identity> {
    const { gate } = this.#options;
    gate.admit(this.#offer.address);
    return gate.identify(token);
  }

  #open(welcome: WelcomeFrame, access: LinkAccess | undefined): void {
    const { context, gate } = this.#options;
    const { route, address } = this.#offer;
    const { endpoint, handler, target } = route;
    this.succeed();
    const id = welcome.linkId;
    const options = { id, endpoint, isJson: this.#isJson, handler, context, address, access, gate };
    new Link(this.#socket, this.#tcp, options).open(welcome, target);
  }

  #welcomeFields(): WelcomeFields {
    const { nodeId, limits, windowOf } = this.#options;
    const { endpoint } = this.#offer.route;
    return { ...limits, windowMessages: windowOf(endpoint), nodeId, linkId: randomUUID() };
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
