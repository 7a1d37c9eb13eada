// A link to another node that this one dials, and dials again for as long as the node runs.
import type { Socket } from "node:net";
import { crc32 } from "node:zlib";
import {
  ClientHandshake,
  ERRORS,
  FRAME_TYPES,
  SUBPROTOCOLS,
  ShardcastError,
  backoffMs,
  decodeFrame,
  encodeFrame,
  forEachFrame,
  type ChecksumFrame,
  type Endpoint,
  type Frame,
  type HandshakeKeys,
  type RingMember,
  type WelcomeFrame,
} from "@shardcast/protocol";
import { createNonce } from "@shardcast/protocol/proof";
import type { Logger } from "pino";
import { WebSocket, type RawData } from "ws";
import { publicReason } from "@shardcast/process";
import type { PeerTls } from "../options/tls.ts";

const BACKOFF = { minMs: 50, maxMs: 2000 };
const HANDSHAKE_TIMEOUT_MS = 5000;
/** A page or a turn of messages; a peer is trusted, but not with all of the memory. */
const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;
const HEARTBEAT = encodeFrame({ type: "heartbeat" });

/** What the owner of a peer is told. */
export interface PeerHandler {
  opened(welcome: WelcomeFrame): void;
  received(type: number, bytes: Uint8Array, start: number, end: number): void;
  /** The link is lost; another try follows by itself. @param closeCode of the WebSocket */
  lost(closeCode: number): void;
}

export interface PeerOptions {
  readonly member: RingMember;
  readonly endpoint: Endpoint;
  readonly keys: HandshakeKeys;
  readonly logger: Logger;
  readonly tls: PeerTls;
}

export class Peer {
  readonly member: RingMember;
  readonly #options: PeerOptions;
  readonly #handler: PeerHandler;
  #socket: WebSocket | undefined;
  #handshake: ClientHandshake | undefined;
  #isOpen = false;
  #isClosed = false;
  #attempt = 0;
  #retryTimer: NodeJS.Timeout | undefined;
  /** Ends a link that is silent for too long, be it in the handshake or afterwards. */
  #silenceTimer: NodeJS.Timeout | undefined;
  /** When the link was opened, by the monotonic clock. */
  #openedAt = 0;
  /** What the next message has to be. */
  #checksum: ChecksumFrame | undefined;
  #fault = "not connected yet";

  constructor(options: PeerOptions, handler: PeerHandler) {
    this.member = options.member;
    this.#options = options;
    this.#handler = handler;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Why there is no link, for people. */
  get fault(): string | undefined {
    return this.#isOpen ? undefined : this.#fault;
  }

  /** Bytes that the kernel has not taken yet. */
  get unsentBytes(): number {
    return this.#socket?.bufferedAmount ?? 0;
  }

  start(): void {
    this.#dial();
  }

  /** Sends whole frames; to be called while the link is open. The bytes must not change afterwards. */
  send(frames: Uint8Array): void {
    if (this.#isOpen) this.#socket?.send(frames);
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#retryTimer);
    clearInterval(this.#silenceTimer);
    this.#socket?.close(1000);
  }

  #dial(): void {
    const { member, endpoint, keys, tls } = this.#options;
    const { ca, isRequired } = tls;
    if (isRequired && !member.url.startsWith("wss:")) {
      this.#refuse("its address is without TLS, which this node uses: --advertise wss://… there");
      return;
    }
    const socket = new WebSocket(`${member.url}/${endpoint}`, [SUBPROTOCOLS.binary], {
      perMessageDeflate: false,
      maxPayload: MAX_MESSAGE_BYTES,
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
      closeTimeout: 1000,
      generateMask: leaveUnmasked,
      ...(ca === undefined ? {} : { ca }),
    } as ConstructorParameters<typeof WebSocket>[2]);
    this.#socket = socket;
    this.#checksum = undefined;
    this.#handshake = new ClientHandshake(
      { type: "keys", keys },
      { endpoint, subprotocol: SUBPROTOCOLS.binary },
      createNonce(),
    );
    this.#watch(socket, HANDSHAKE_TIMEOUT_MS);
    socket.on("message", (data: RawData) => {
      if (Buffer.isBuffer(data)) this.#received(socket, data);
    });
    socket.on("error", (error) => {
      this.#fault = publicReason(error);
    });
    socket.on("close", (code, reason) => {
      this.#closed(socket, code, reason.toString("utf8"));
    });
  }

  /** For good: under another address it is another peer. */
  #refuse(fault: string): void {
    const { member, endpoint, logger } = this.#options;
    this.#fault = fault;
    logger.warn({ peer: member.id, url: member.url, endpoint, fault }, "no link to peer");
  }

  #received(socket: WebSocket, data: Buffer): void {
    if (socket !== this.#socket) return;
    try {
      this.#compare(data);
      forEachFrame(data, (type, start, end) => {
        if (!this.#isOpen) this.#shakeHands(socket, decodeFrame(data, start, end));
        else if (type === FRAME_TYPES.heartbeat) socket.send(HEARTBEAT);
        else if (type === FRAME_TYPES.checksum) this.#expect(decodeFrame(data, start, end));
        else this.#handler.received(type, data, start, end);
      });
    } catch (error) {
      this.#options.logger.error(
        { error, peer: this.member.id },
        "a peer's frame could not be used",
      );
      // Of what came with it, nothing is used any more.
      socket.removeAllListeners("message");
      socket.terminate();
    }
  }

  #expect(frame: Frame | undefined): void {
    if (frame?.type === "checksum") this.#checksum = frame;
  }

  /** @throws SHARDCAST_MESSAGES_DAMAGED where it is not what its checksum says */
  #compare(data: Buffer): void {
    const expected = this.#checksum;
    if (expected === undefined) return;
    this.#checksum = undefined;
    if (data.length === expected.bytes && crc32(data) === expected.crc) return;
    throw new ShardcastError("SHARDCAST_MESSAGES_DAMAGED", "messages were damaged on their way");
  }

  #shakeHands(socket: WebSocket, frame: Frame | undefined): void {
    if (frame === undefined || this.#handshake === undefined) return;
    const step = this.#handshake.receive(frame);
    switch (step.type) {
      case "send":
        socket.send(encodeFrame(step.frame));
        return;
      case "open":
        this.#isOpen = true;
        this.#openedAt = performance.now();
        this.#handshake = undefined;
        this.#watch(socket, 2 * step.welcome.heartbeatMs);
        this.#options.logger.info(
          { peer: this.member.id, endpoint: this.#options.endpoint },
          "link to peer open",
        );
        this.#handler.opened(step.welcome);
        return;
      case "fail":
        this.#fault = step.reason;
        socket.terminate();
        return;
    }
  }

  #closed(socket: WebSocket, code: number, reason: string): void {
    if (socket !== this.#socket) return;
    this.#socket = undefined;
    this.#handshake = undefined;
    clearInterval(this.#silenceTimer);
    const wasOpen = this.#isOpen;
    this.#isOpen = false;
    if (reason !== "") this.#fault = reason;
    else if (wasOpen) this.#fault = `the link ended with code ${code}`;
    if (wasOpen) this.#handler.lost(code);
    if (this.#isClosed) return;
    // A link that is cut as soon as it is open is no better than none.
    if (wasOpen && performance.now() - this.#openedAt >= BACKOFF.maxMs) this.#attempt = 0;
    const retryInMs = backoffMs(BACKOFF, this.#attempt, Math.random());
    // A wrong key is not given up on: it may be the peer that is about to get the new one.
    const level = wasOpen || reason in ERRORS ? "warn" : "debug";
    this.#options.logger[level](
      { peer: this.member.id, endpoint: this.#options.endpoint, fault: this.#fault, retryInMs },
      "no link to peer",
    );
    this.#attempt += 1;
    this.#retryTimer = setTimeout(() => this.#dial(), retryInMs);
  }

  /** Bytes are a sign of life, though no message be whole. */
  #watch(socket: WebSocket, intervalMs: number): void {
    clearInterval(this.#silenceTimer);
    let lastReceived = receivedBytes(socket);
    this.#silenceTimer = setInterval(() => {
      const received = receivedBytes(socket);
      if (received === lastReceived) {
        this.#fault = "the peer went silent";
        socket.terminate();
      }
      lastReceived = received;
    }, intervalMs);
  }
}

/** 0 before there is a connection. */
function receivedBytes(socket: WebSocket): number {
  const { _socket: tcp } = socket as unknown as { _socket?: Socket | null };
  return tcp?.bytesRead ?? 0;
}

/**
 * The mask stays zeros, and ws then masks nothing: 0.2 µs less for each 200 bytes, on both ends. What a mask
 * is for (RFC 6455 §10.3), pages that make a browser send what a proxy takes for HTTP, is not between nodes.
 */
function leaveUnmasked(): void {
  // The buffer that it is given is zeros.
}
