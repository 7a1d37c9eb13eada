// One WebSocket to a node: the handshake, then frames in both directions. All frames that are sent in one turn leave
// as one WebSocket message. A link opens once and ends once; the connection decides what follows.
import {
  ClientHandshake,
  SUBPROTOCOLS,
  ShardcastError,
  closeCodeOf,
  decodeFrame,
  encodeFrame,
  forEachFrame,
  NONCE_BYTES,
  type ClientStep,
  type Endpoint,
  type Frame,
  type Credentials,
  type WelcomeFrame,
  isCloseReason,
} from "@shardcast/protocol";
import { endByClose, endByFault, type LinkEnd } from "./link-end.ts";
import { Liveness } from "./liveness.ts";
import type { Runtime } from "./runtime.ts";

/** Maximum size of a WebSocket message of several frames; more frames go into another message. */
const BATCH_BYTES = 64 * 1024;
const HEARTBEAT = encodeFrame({ type: "heartbeat" });
const PING = encodeFrame({ type: "ping" });

export interface LinkOptions {
  /** `ws(s)://host:port` */
  readonly url: string;
  readonly endpoint: Endpoint;
  readonly credentials: Credentials;
  readonly handshakeTimeoutMs: number;
  /** How long the node may take to answer a ping. */
  readonly probeTimeoutMs: number;
  readonly urgentTimeoutMs: number;
  readonly runtime: Runtime;
}

/** Receives the events of a link. */
export interface LinkOwner {
  linkOpened(link: Link, welcome: WelcomeFrame): void;
  /** Receives every frame except heartbeats. A ShardcastError that it throws ends the link. */
  linkReceived(link: Link, frame: Frame): void;
  /** Called once, unless the owner itself closed the link. */
  linkEnded(link: Link, end: LinkEnd): void;
  /** Number of bytes that were sent over the link and are not answered yet. */
  unansweredBytes(): number;
}

export class Link {
  readonly url: string;
  /** The credentials that opened the link. */
  readonly credentials: Credentials;
  /** The credentials that the node received last. */
  latest: Credentials;
  readonly #options: LinkOptions;
  readonly #owner: LinkOwner;
  readonly #socket: WebSocket;
  /** Undefined once the link is open. */
  #handshake: ClientHandshake | undefined;
  #isEnded = false;
  /** The platform's message about the last socket error. */
  #fault = "";
  /** Undefined until the link is open. */
  #liveness: Liveness | undefined;
  readonly #cancelTimeout: () => void;
  #out: Uint8Array[] = [];
  #outBytes = 0;

  constructor(options: LinkOptions, owner: LinkOwner) {
    const { url, endpoint, credentials, runtime } = options;
    const subprotocol = SUBPROTOCOLS.binary;
    const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
    this.url = url;
    this.credentials = credentials;
    this.latest = credentials;
    this.#options = options;
    this.#owner = owner;
    this.#handshake = new ClientHandshake(credentials, { endpoint, subprotocol }, nonce);
    this.#cancelTimeout = runtime.after(options.handshakeTimeoutMs, () =>
      this.#end(endByFault(url, "SHARDCAST_HANDSHAKE_TIMEOUT")),
    );
    this.#socket = new runtime.WebSocket(`${url}/${endpoint}`, [subprotocol]);
    this.#listen(this.#socket);
  }

  /** Queues a complete frame until the end of this turn. Its bytes must not change before. */
  send(frame: Uint8Array): void {
    if (this.#isEnded) return;
    this.#liveness?.sent();
    this.#queue(frame);
  }

  /** Checks whether the node answers. If it does not, the link ends. @returns whether it answered */
  probe(isUrgent: boolean): Promise<boolean> {
    return this.#liveness?.probe(isUrgent) ?? Promise.resolve(false);
  }

  /** Sends a new token before the last one expires. */
  renew(token: string): void {
    this.latest = { type: "token", token };
    this.send(encodeFrame({ type: "token", token }));
  }

  /** Sends the queued frames and ends the link without notifying the owner. */
  close(): void {
    if (this.#isEnded) return;
    if (this.#handshake === undefined) this.#flush();
    this.#leave(1000, "");
  }

  #queue(frame: Uint8Array): void {
    if (this.#outBytes + frame.length > BATCH_BYTES) this.#flush();
    this.#out.push(frame);
    this.#outBytes += frame.length;
    if (this.#out.length === 1) queueMicrotask(() => this.#flush());
  }

  #listen(socket: WebSocket): void {
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }: MessageEvent<unknown>) => this.#received(data);
    socket.onerror = (event) => {
      // Browsers give no message; `ws` does.
      if ("message" in event && typeof event.message === "string") this.#fault = event.message;
    };
    socket.onclose = (event) => this.#end(endByClose(this.url, event, this.#fault));
  }

  #received(data: unknown): void {
    this.#liveness?.heard();
    try {
      if (!(data instanceof ArrayBuffer)) {
        throw new ShardcastError(
          "SHARDCAST_FRAME_MALFORMED",
          "received a text message over a binary link",
        );
      }
      const bytes = new Uint8Array(data);
      forEachFrame(bytes, (_type, start, end) => {
        // An earlier frame of this message may have ended the link.
        if (this.#isEnded) return;
        const frame = decodeFrame(bytes, start, end);
        if (frame !== undefined) this.#accept(frame);
      });
    } catch (error) {
      if (!(error instanceof ShardcastError) || !isCloseReason(error.code)) throw error;
      this.#end(endByFault(this.url, error.code, error.message));
    }
  }

  #accept(frame: Frame): void {
    if (this.#handshake !== undefined) this.#step(this.#handshake.receive(frame));
    else if (frame.type === "heartbeat") this.#queue(HEARTBEAT);
    else if (frame.type === "large") this.#liveness?.expect(frame.bytes);
    else if (frame.type !== "pong") this.#owner.linkReceived(this, frame);
  }

  #step(step: ClientStep): void {
    switch (step.type) {
      case "send":
        this.send(encodeFrame(step.frame));
        return;
      case "open":
        this.#handshake = undefined;
        this.#cancelTimeout();
        this.#liveness = this.#watch(2 * step.welcome.heartbeatMs);
        this.#owner.linkOpened(this, step.welcome);
        return;
      case "fail":
        throw new ShardcastError("SHARDCAST_HANDSHAKE_FAILED", step.reason);
    }
  }

  #watch(silenceMs: number): Liveness {
    const { runtime, probeTimeoutMs, urgentTimeoutMs } = this.#options;
    return new Liveness({
      runtime,
      silenceMs,
      probeTimeoutMs,
      urgentTimeoutMs,
      receivedBytes: () => runtime.receivedBytes(this.#socket),
      unansweredBytes: () => this.#owner.unansweredBytes(),
      ping: () => this.#queue(PING),
      onDead: (detail) => this.#end(endByFault(this.url, "SHARDCAST_HEARTBEAT_MISSED", detail)),
    });
  }

  #flush(): void {
    const out = this.#out;
    const [first] = out;
    if (first === undefined) return;
    const bytes = out.length === 1 ? first : concat(out, this.#outBytes);
    this.#out = [];
    this.#outBytes = 0;
    // The DOM's types refuse shared memory; frames are never in shared memory.
    this.#socket.send(bytes as Uint8Array<ArrayBuffer>);
  }

  #end(end: LinkEnd): void {
    if (this.#isEnded) return;
    const { code } = end.error;
    this.#leave(isCloseReason(code) ? closeCodeOf(code) : 1000, code);
    this.#owner.linkEnded(this, end);
  }

  /** Ignores the socket from now on, because a browser may take long to close a dead one. */
  #leave(code: number, reason: string): void {
    this.#isEnded = true;
    this.#cancelTimeout();
    this.#liveness?.stop();
    this.#out = [];
    const socket = this.#socket;
    socket.onmessage = null;
    socket.onclose = null;
    // `ws` throws an error event without a listener as an uncaught exception.
    socket.onerror = () => undefined;
    socket.close(code, reason);
  }
}

function concat(parts: readonly Uint8Array[], byteCount: number): Uint8Array {
  const bytes = new Uint8Array(byteCount);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
