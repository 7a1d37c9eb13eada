// From an HTTP upgrade to a link: chooses endpoint and subprotocol, runs the handshake within its
// limits of time and bytes, and hands the link to the endpoint's handler.
import { randomUUID } from "node:crypto";
import { STATUS_CODES, type IncomingMessage } from "node:http";
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import {
  ENDPOINTS,
  ERRORS,
  HANDSHAKE_MAX_BYTES,
  NodeHandshake,
  PUBLISH_OVERHEAD_BYTES,
  SUBPROTOCOLS,
  ShardcastError,
  closeCodeOf,
  decodeFrames,
  decodeJsonFrames,
  encodeFrame,
  encodeJsonFrame,
  parseFrom,
  type CloseReason,
  type Endpoint,
  type ErrorCode,
  type Frame,
  type Keys,
  type LinkLimits,
  type Subprotocol,
} from "@shardcast/protocol";
import { createNonce } from "@shardcast/protocol/proof";
import { WebSocketServer } from "ws";
import { Link, type LinkContext } from "./link.ts";
import type { LinkHandler, LinkTarget } from "./link-handler.ts";
import { NodeSocket, listenToSocket, type SocketOwner } from "./node-socket.ts";
import type { Pending } from "./sweep.ts";

/** Frames of one turn that a peer may put into one WebSocket message, beside one of the largest. */
const BATCH_BYTES = 256 * 1024;
/** JSON writes a byte as six characters at the most (`\u0000`). */
const JSON_GROWTH = 6;
/** How long a peer may take to answer a close before it is cut off. */
const CLOSE_TIMEOUT_MS = 2000;

export interface AcceptorOptions {
  readonly nodeId: string;
  readonly keys: Keys;
  readonly limits: LinkLimits;
  /** Windows of endpoints whose links carry the publishes of many clients. */
  readonly windowOf: (endpoint: Endpoint) => number;
  readonly handshakeTimeoutMs: number;
  /** Links and handshakes at once; more are refused with HTTP 503. */
  readonly maxLinks: number;
  readonly handlers: Partial<Record<Endpoint, LinkHandler>>;
  readonly context: LinkContext;
  /** Serves upgrades that offer no subprotocol, where the node speaks the original queue's protocol. */
  readonly legacy: LegacyAcceptor | undefined;
  readonly counters: { handshakes: number; handshakeFailures: number };
}

/** The original queue's protocol, on the same paths. */
export interface LegacyAcceptor {
  /** Tells whether the original had such an endpoint. */
  serves(route: Route): boolean;
  accept(socket: NodeSocket, tcp: Socket, route: Route): void;
}

/** What an upgrade's path means. */
export interface Route {
  readonly endpoint: Endpoint;
  readonly handler: LinkHandler;
  readonly target: LinkTarget;
}

export class Acceptor {
  readonly #options: AcceptorOptions;
  readonly #server: WebSocketServer;
  #isDraining = false;

  constructor(options: AcceptorOptions) {
    this.#options = options;
    const frameBytes = options.limits.maxPayloadBytes + PUBLISH_OVERHEAD_BYTES;
    this.#server = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: JSON_GROWTH * frameBytes + BATCH_BYTES,
      WebSocket: NodeSocket,
      closeTimeout: CLOSE_TIMEOUT_MS,
      // The JSON codec and the legacy protocol check their text themselves, once.
      handleProtocols: (offered) => chooseSubprotocol(offered) ?? false,
    } as ConstructorParameters<typeof WebSocketServer>[0]);
  }

  /** From now on no link is accepted. */
  drain(): void {
    this.#isDraining = true;
  }

  /** Takes an upgrade of the node's HTTP server. */
  upgrade(request: IncomingMessage, tcp: Duplex, head: Buffer): void {
    tcp.on("error", tcpOnError);
    try {
      const route = this.#routeOf(request);
      const offered = offeredSubprotocols(request);
      const subprotocol = chooseSubprotocol(offered);
      const isLegacy = offered.size === 0 && this.#options.legacy?.serves(route) === true;
      if (subprotocol === undefined && !isLegacy) {
        throw new Refusal(400, "SHARDCAST_SUBPROTOCOL_UNSUPPORTED");
      }
      this.#refuseIfFull();
      if (!(tcp instanceof Socket)) throw new Refusal(400, "SHARDCAST_INTERNAL");
      this.#server.handleUpgrade(request, tcp, head, (socket) => {
        tcp.removeListener("error", tcpOnError);
        // The server was told to make its sockets of that class.
        if (socket instanceof NodeSocket) this.#open(socket, tcp, route, subprotocol);
      });
    } catch (error) {
      refuse(tcp, error);
    }
  }

  #refuseIfFull(): void {
    if (this.#isDraining) throw new Refusal(503, "SHARDCAST_NODE_DRAINING");
    const { context, maxLinks } = this.#options;
    const { sweep } = context;
    if (sweep.linkCount + sweep.pendingCount >= maxLinks) {
      throw new Refusal(503, "SHARDCAST_NODE_FULL");
    }
  }

  #open(socket: NodeSocket, tcp: Socket, route: Route, subprotocol: Subprotocol | undefined): void {
    listenToSocket(socket);
    if (subprotocol === undefined) this.#options.legacy?.accept(socket, tcp, route);
    else new PendingLink(socket, tcp, this.#options, { route, subprotocol }).start();
  }

  #routeOf(request: IncomingMessage): Route {
    // By hand: URL would fold "." and ".." away, and both are good topics.
    const [path = "", query = ""] = (request.url ?? "").split("?", 2);
    const [, name = "", topic, ...more] = path.split("/");
    const endpoint = isEndpoint(name) ? name : undefined;
    const handler = endpoint === undefined ? undefined : this.#options.handlers[endpoint];
    const isTopicAllowed = endpoint === "subscribe" || topic === undefined;
    if (endpoint === undefined || handler === undefined || !isTopicAllowed || more.length > 0) {
      throw new Refusal(404, "SHARDCAST_ENDPOINT_UNKNOWN");
    }
    const from = parseFrom(new URLSearchParams(query).get("from") ?? "live");
    if (topic === undefined || topic === "") return { endpoint, handler, target: { from } };
    return { endpoint, handler, target: { topic: decodeTopic(topic), from } };
  }
}

/** A socket between its upgrade and its welcome. It carries one frame each way and nothing else. */
class PendingLink implements SocketOwner, Pending {
  readonly deadline: number;
  readonly #socket: NodeSocket;
  readonly #tcp: Socket;
  readonly #options: AcceptorOptions;
  readonly #offer: { readonly route: Route; readonly subprotocol: Subprotocol };
  readonly #handshake: NodeHandshake;
  #bytesLeft = HANDSHAKE_MAX_BYTES;

  constructor(
    socket: NodeSocket,
    tcp: Socket,
    options: AcceptorOptions,
    offer: { readonly route: Route; readonly subprotocol: Subprotocol },
  ) {
    this.#socket = socket;
    this.#tcp = tcp;
    this.#options = options;
    this.#offer = offer;
    this.deadline = options.context.sweep.now() + options.handshakeTimeoutMs;
    const { endpoint } = offer.route;
    this.#handshake = new NodeHandshake(
      options.keys,
      { endpoint, subprotocol: offer.subprotocol },
      createNonce(),
    );
  }

  start(): void {
    this.#socket.owner = this;
    // Ahead of ws's own listener: what is over the limit must not be gathered in its receiver.
    this.#tcp.prependListener("data", this.#count);
    this.#options.context.sweep.addPending(this);
    this.#send(this.#handshake.challenge);
  }

  received(data: Buffer, isBinary: boolean): void {
    try {
      const frame = this.#decode(data, isBinary);
      if (frame.type !== "proof") throw new ShardcastError("SHARDCAST_FRAME_UNEXPECTED");
      this.#accept(frame);
    } catch (error) {
      this.#fail(closeReasonOf(error));
    }
  }

  expire(): void {
    this.#fail("SHARDCAST_HANDSHAKE_TIMEOUT");
  }

  closed(): void {
    this.#leave();
  }

  #accept(proof: Extract<Frame, { type: "proof" }>): void {
    const { nodeId, limits, windowOf, context, counters } = this.#options;
    const { route, subprotocol } = this.#offer;
    const { endpoint, handler, target } = route;
    const id = randomUUID();
    const fields = { ...limits, windowMessages: windowOf(endpoint), nodeId, linkId: id };
    const welcome = this.#handshake.accept(proof, fields);
    if (welcome === undefined) {
      this.#fail("SHARDCAST_HANDSHAKE_FAILED");
      return;
    }
    this.#leave();
    counters.handshakes += 1;
    const isJson = subprotocol === SUBPROTOCOLS.json;
    const link = new Link(this.#socket, this.#tcp, { id, endpoint, isJson, handler, context });
    this.#socket.owner = link;
    context.sweep.addLink(link);
    link.send(welcome);
    handler.opened(link, target);
  }

  #decode(data: Buffer, isBinary: boolean): Frame {
    const isJson = this.#offer.subprotocol === SUBPROTOCOLS.json;
    if (isBinary === isJson) throw new ShardcastError("SHARDCAST_FRAME_MALFORMED");
    const frames = isJson ? decodeJsonFrames(data.toString("utf8")) : decodeFrames(data);
    const [frame] = frames;
    if (frame === undefined || frames.length > 1) {
      throw new ShardcastError("SHARDCAST_FRAME_UNEXPECTED");
    }
    return frame;
  }

  #send(frame: Frame): void {
    const isJson = this.#offer.subprotocol === SUBPROTOCOLS.json;
    this.#socket.send(isJson ? encodeJsonFrame(frame) : encodeFrame(frame));
  }

  readonly #count = (chunk: Buffer): void => {
    this.#bytesLeft -= chunk.length;
    if (this.#bytesLeft >= 0) return;
    this.#fail("SHARDCAST_FRAME_TOO_LARGE");
    // ws would gather the rest of the message; the peer gets the close, and 2 s to take it.
    this.#socket.pause();
  };

  #fail(reason: CloseReason): void {
    if (this.#socket.owner !== this) return;
    this.#leave();
    this.#options.counters.handshakeFailures += 1;
    this.#socket.close(closeCodeOf(reason), reason);
  }

  /** Lets go of the socket: from here on it belongs to the link, or to nobody. */
  #leave(): void {
    this.#options.context.sweep.deletePending(this);
    this.#tcp.removeListener("data", this.#count);
    this.#socket.owner = undefined;
  }
}

/** Why an upgrade is answered with a plain HTTP response. */
class Refusal extends ShardcastError {
  readonly status: number;

  constructor(status: number, code: ErrorCode) {
    super(code);
    this.status = status;
  }
}

function refuse(tcp: Duplex, error: unknown): void {
  const status = error instanceof Refusal ? error.status : 400;
  const code = error instanceof ShardcastError ? error.code : "SHARDCAST_INTERNAL";
  const message = error instanceof ShardcastError ? error.message : ERRORS[code].message;
  const body = JSON.stringify({ code, message });
  tcp.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\nConnection: close\r\n` +
      `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

function closeReasonOf(error: unknown): CloseReason {
  const code = error instanceof ShardcastError ? error.code : "SHARDCAST_INTERNAL";
  return code === "SHARDCAST_FRAME_UNKNOWN" || code === "SHARDCAST_FRAME_UNEXPECTED"
    ? "SHARDCAST_FRAME_UNEXPECTED"
    : code === "SHARDCAST_INTERNAL"
      ? code
      : "SHARDCAST_FRAME_MALFORMED";
}

function isEndpoint(name: string): name is Endpoint {
  return Object.hasOwn(ENDPOINTS, name);
}

function decodeTopic(encoded: string): string {
  try {
    return decodeURIComponent(encoded);
  } catch {
    throw new Refusal(400, "SHARDCAST_TOPIC_INVALID");
  }
}

function offeredSubprotocols(request: IncomingMessage): ReadonlySet<string> {
  const header = request.headers["sec-websocket-protocol"] ?? "";
  return new Set(
    header
      .split(",")
      .map((name) => name.trim())
      .filter((name) => name !== ""),
  );
}

function chooseSubprotocol(offered: ReadonlySet<string>): Subprotocol | undefined {
  return [SUBPROTOCOLS.binary, SUBPROTOCOLS.json].find((name) => offered.has(name));
}

function tcpOnError(): void {
  // A peer that is gone in the middle of its upgrade.
}
