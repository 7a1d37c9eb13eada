// A raw socket that has completed Shardcast's handshake, and counts message frames without decoding
// them.
import {
  ClientHandshake,
  FRAME_TYPES,
  SUBPROTOCOLS,
  decodeFrame,
  decodeFrames,
  encodeFrame,
  forEachFrame,
  type Endpoint,
  type Frame,
  type HandshakeKeys,
} from "@shardcast/protocol";
import { createNonce } from "@shardcast/protocol/proof";
import type { LocalEnd } from "./local-end.ts";
import { RawSocket, type RawSocketOptions } from "./raw-socket.ts";

const HEARTBEAT = encodeFrame({ type: "heartbeat" });

export interface ShardcastSocketOptions {
  readonly port: number;
  readonly keys: HandshakeKeys;
  readonly endpoint: Endpoint;
  /** @default "/" followed by the endpoint */
  readonly path?: string;
  readonly local?: LocalEnd | undefined;
  /** Called with the number of bytes of message frames, and the frames, without decoding them. */
  messages?(bytes: number, frames: Buffer): void;
  /** The same for acks. */
  acks?(bytes: number): void;
  /** Called with each message frame, as a range of bytes. */
  message?(bytes: Buffer, start: number, end: number): void;
  /** Called with every other frame. */
  other?(frame: Frame): void;
  closed?(): void;
}

/** State that is needed only until the node's welcome. */
interface Opening {
  readonly handshake: ClientHandshake;
  /** Messages that arrive with the upgrade's response, before there is a socket to answer on. */
  readonly early: Buffer[];
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

export class ShardcastSocket implements RawSocketOptions {
  readonly port: number;
  readonly path: string;
  readonly local: LocalEnd | undefined;
  readonly subprotocol = SUBPROTOCOLS.binary;
  readonly #options: ShardcastSocketOptions;
  #raw: RawSocket | undefined;
  #opening: Opening | undefined;

  private constructor(options: ShardcastSocketOptions) {
    const { port, endpoint, path = `/${endpoint}`, local } = options;
    this.port = port;
    this.path = path;
    this.local = local;
    this.#options = options;
  }

  /** Resolves when the node has sent its welcome. */
  static async open(options: ShardcastSocketOptions): Promise<ShardcastSocket> {
    const socket = new ShardcastSocket(options);
    const { keys, endpoint } = options;
    const context = { endpoint, subprotocol: SUBPROTOCOLS.binary };
    const welcomed = new Promise<void>((resolve, reject) => {
      const handshake = new ClientHandshake({ type: "keys", keys }, context, createNonce());
      socket.#opening = { handshake, early: [], resolve, reject };
    });
    // If the upgrade fails, report that error first.
    welcomed.catch(() => undefined);
    socket.#raw = await RawSocket.open(socket);
    for (const message of socket.#opening?.early ?? []) socket.received(message);
    await welcomed;
    return socket;
  }

  send(frames: Uint8Array): void {
    this.#raw?.send(frames);
  }

  pause(): void {
    this.#raw?.pause();
  }

  resume(): void {
    this.#raw?.resume();
  }

  destroy(): void {
    this.#raw?.destroy();
  }

  /** Called by its raw socket. */
  received(message: Buffer): void {
    if (this.#opening === undefined) this.#take(message);
    else if (this.#raw === undefined) this.#opening.early.push(Buffer.from(message));
    else this.#shake(message);
  }

  /** Called by its raw socket. */
  closed(): void {
    this.#opening?.reject(new Error("the node closed the link"));
    this.#options.closed?.();
  }

  #shake(message: Buffer): void {
    for (const frame of decodeFrames(message)) {
      if (this.#opening === undefined) {
        this.#options.other?.(frame);
        continue;
      }
      const step = this.#opening.handshake.receive(frame);
      if (step.type === "send") this.send(encodeFrame(step.frame));
      else if (step.type === "open") {
        this.#opening.resolve();
        this.#opening = undefined;
      } else this.#opening.reject(new Error(step.type));
    }
  }

  #take(message: Buffer): void {
    const options = this.#options;
    // Message frames have WebSocket messages to themselves, and so do most acks.
    if (options.messages !== undefined && message[0] === FRAME_TYPES.message) {
      options.messages(message.length, message);
      return;
    }
    if (options.acks !== undefined && message[0] === FRAME_TYPES.ack) {
      options.acks(message.length);
      return;
    }
    forEachFrame(message, (type, start, end) => {
      if (type === FRAME_TYPES.message) options.message?.(message, start, end);
      else if (type === FRAME_TYPES.heartbeat) this.send(HEARTBEAT);
      else if (type !== FRAME_TYPES.large && options.other !== undefined) {
        const frame = decodeFrame(message, start, end);
        if (frame !== undefined) options.other(frame);
      }
    });
  }
}
