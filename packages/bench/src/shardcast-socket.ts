// A raw socket that has done Shardcast's handshake, and counts message frames without decoding them.
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
  type Keys,
} from "@shardcast/protocol";
import { createNonce } from "@shardcast/protocol/proof";
import { RawSocket } from "./raw-socket.ts";

export interface ShardcastSocketOptions {
  readonly port: number;
  readonly keys: Keys;
  readonly endpoint: Endpoint;
  /** @default "/" and the endpoint */
  readonly path?: string;
  readonly localAddress?: string;
  /** Told how many bytes of message frames came, without a look at each. */
  readonly messages?: (bytes: number) => void;
  /** Likewise of acks. */
  readonly acks?: (bytes: number) => void;
  /** Told of each message frame, where it lies. */
  readonly message?: (bytes: Buffer, start: number, end: number) => void;
  /** Told of every other frame. */
  readonly other?: (frame: Frame) => void;
  readonly closed?: () => void;
}

export class ShardcastSocket {
  readonly #raw: RawSocket;

  private constructor(raw: RawSocket) {
    this.#raw = raw;
  }

  /** Resolves when the node has welcomed it. */
  static async open(options: ShardcastSocketOptions): Promise<ShardcastSocket> {
    const { port, endpoint, path = `/${endpoint}`, localAddress, keys, closed } = options;
    const subprotocol = SUBPROTOCOLS.binary;
    const handshake = new ClientHandshake(keys, { endpoint, subprotocol }, createNonce());
    let isOpen = false;
    // What comes with the upgrade's answer, before there is a socket to answer on.
    const early: Buffer[] = [];
    const link: { raw?: RawSocket } = {};
    let welcome: () => void = () => undefined;
    let refuse: (error: Error) => void = () => undefined;
    const welcomed = new Promise<void>((resolve, reject) => {
      welcome = resolve;
      refuse = reject;
    });
    const shake = (message: Buffer): void => {
      for (const frame of decodeFrames(message)) {
        if (isOpen) {
          options.other?.(frame);
          continue;
        }
        const step = handshake.receive(frame);
        if (step.type === "send") link.raw?.send(encodeFrame(step.frame));
        else if (step.type === "open") {
          isOpen = true;
          welcome();
        } else refuse(new Error(step.type));
      }
    };
    const count = (message: Buffer): void => {
      // Messages come in WebSocket messages of their own, and so do most acks.
      if (options.messages !== undefined && message[0] === FRAME_TYPES.message) {
        options.messages(message.length);
        return;
      }
      if (options.acks !== undefined && message[0] === FRAME_TYPES.ack) {
        options.acks(message.length);
        return;
      }
      forEachFrame(message, (type, start, end) => {
        if (type === FRAME_TYPES.message) options.message?.(message, start, end);
        else if (type === FRAME_TYPES.heartbeat) link.raw?.send(encodeFrame({ type: "heartbeat" }));
        else if (options.other !== undefined) {
          const frame = decodeFrame(message, start, end);
          if (frame !== undefined) options.other(frame);
        }
      });
    };
    const raw = await RawSocket.open({
      port,
      path,
      subprotocol,
      ...(localAddress === undefined ? {} : { localAddress }),
      received: (message) => {
        if (isOpen) count(message);
        else if (link.raw === undefined) early.push(Buffer.from(message));
        else shake(message);
      },
      closed: () => {
        refuse(new Error("the node closed the link"));
        closed?.();
      },
    });
    link.raw = raw;
    for (const message of early) shake(message);
    await welcomed;
    return new ShardcastSocket(raw);
  }

  send(frames: Uint8Array): void {
    this.#raw.send(frames);
  }

  pause(): void {
    this.#raw.pause();
  }

  resume(): void {
    this.#raw.resume();
  }

  destroy(): void {
    this.#raw.destroy();
  }
}
