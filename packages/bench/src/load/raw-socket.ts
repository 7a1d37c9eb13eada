// A minimal WebSocket client over a TCP socket, so that its own cost does not distort a
// measurement. It frames outgoing messages, passes on incoming ones without copying them, and
// answers pings. RFC 6455.
import { connect, type Socket } from "node:net";
import bufferUtil from "bufferutil";
import type { LocalEnd } from "./local-end.ts";

const OPCODE_TEXT = 1;
const OPCODE_BINARY = 2;
const OPCODE_CLOSE = 8;
const OPCODE_PING = 9;
const OPCODE_PONG = 10;
const KEY = "AQIDBAUGBwgJCgsMDQ4PEA==";
const EMPTY = Buffer.alloc(0);
const MASK = Buffer.of(0x5a, 0xc3, 0x3c, 0xa5);
/** Shared by all sockets: a buffer for each read would cost more than the read. */
const READ_BUFFER = Buffer.allocUnsafe(64 * 1024);

export interface RawSocketOptions {
  readonly port: number;
  readonly path: string;
  readonly subprotocol?: string;
  /** @default chosen by the kernel */
  readonly local?: LocalEnd | undefined;
  /** Called with each complete message, which is valid only during the call. */
  received(message: Buffer): void;
  closed?(): void;
}

export class RawSocket {
  readonly #tcp: Socket;
  readonly #options: RawSocketOptions;
  #rest = EMPTY;
  #isUpgraded = false;
  /** The parts so far of a message in several frames. */
  #parts: Buffer[] | undefined;
  /** Set until the socket is open. */
  #opening: { readonly resolve: () => void; readonly reject: (error: Error) => void } | undefined;

  private constructor(options: RawSocketOptions, local: Partial<LocalEnd> | undefined) {
    const { port } = options;
    this.#options = options;
    this.#tcp = connect({
      port,
      host: "127.0.0.1",
      ...local,
      noDelay: true,
      onread: {
        buffer: READ_BUFFER,
        callback: (count, buffer) => {
          this.#data(Buffer.from(buffer.buffer, buffer.byteOffset, count));
          return true;
        },
      },
    });
    this.#tcp.on("error", (error) => this.#opening?.reject(error));
    this.#tcp.on("close", () => {
      this.#opening?.reject(new Error("closed before the upgrade"));
      if (this.#isUpgraded) options.closed?.();
    });
  }

  /** Resolves when the upgrade is complete. */
  static async open(options: RawSocketOptions): Promise<RawSocket> {
    const { local } = options;
    try {
      return await RawSocket.#open(options, local);
    } catch (error) {
      if (local === undefined || !isAddressInUse(error)) throw error;
      // Another process uses the port; let the kernel choose a free one.
      return RawSocket.#open(options, { localAddress: local.localAddress });
    }
  }

  static #open(
    options: RawSocketOptions,
    local: Partial<LocalEnd> | undefined,
  ): Promise<RawSocket> {
    return new Promise((resolve, reject) => {
      const socket = new RawSocket(options, local);
      socket.#opening = { resolve: () => resolve(socket), reject };
      const { port, path, subprotocol } = options;
      const offer = subprotocol === undefined ? "" : `Sec-WebSocket-Protocol: ${subprotocol}\r\n`;
      socket.#tcp.write(
        `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
          `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${KEY}\r\n${offer}\r\n`,
      );
    });
  }

  send(payload: Uint8Array | string): void {
    const isText = typeof payload === "string";
    const bytes = isText ? Buffer.from(payload) : payload;
    this.#tcp.write(frame(isText ? OPCODE_TEXT : OPCODE_BINARY, bytes));
  }

  /** Stops reading, like a client that hangs. */
  pause(): void {
    this.#tcp.pause();
  }

  resume(): void {
    this.#tcp.resume();
  }

  destroy(): void {
    this.#tcp.destroy();
  }

  #data(data: Buffer): void {
    const bytes = this.#rest.length === 0 ? data : Buffer.concat([this.#rest, data]);
    let at = this.#isUpgraded ? 0 : this.#upgrade(bytes);
    while (this.#isUpgraded) {
      const next = this.#frame(bytes, at);
      if (next === at) break;
      at = next;
    }
    // Copied, so that a few bytes do not keep the whole buffer in memory.
    this.#rest = at === bytes.length ? EMPTY : Buffer.from(bytes.subarray(at));
  }

  /** @returns where the frames begin; 0 if the response head is incomplete */
  #upgrade(bytes: Buffer): number {
    const end = bytes.indexOf("\r\n\r\n");
    if (end < 0) return 0;
    const head = bytes.toString("latin1", 0, end);
    if (!head.startsWith("HTTP/1.1 101 ")) {
      this.#opening?.reject(new Error(head));
      this.#tcp.destroy();
      return bytes.length;
    }
    this.#isUpgraded = true;
    this.#opening?.resolve();
    this.#opening = undefined;
    return end + 4;
  }

  /** @returns where the frame ends; where it begins if it is incomplete */
  #frame(bytes: Buffer, at: number): number {
    if (bytes.length < at + 2) return at;
    const first = bytes[at] ?? 0;
    let count = (bytes[at + 1] ?? 0) & 0x7f;
    let start = at + 2;
    if (count === 126) {
      if (bytes.length < at + 4) return at;
      count = bytes.readUInt16BE(at + 2);
      start = at + 4;
    } else if (count === 127) {
      if (bytes.length < at + 10) return at;
      count = bytes.readUInt32BE(at + 6);
      start = at + 10;
    }
    const end = start + count;
    if (bytes.length < end) return at;
    this.#take(first & 0x0f, (first & 0x80) !== 0, bytes.subarray(start, end));
    return end;
  }

  #take(opcode: number, isFinal: boolean, payload: Buffer): void {
    if (opcode === OPCODE_PING) this.#tcp.write(frame(OPCODE_PONG, payload));
    else if (opcode === OPCODE_CLOSE) this.#tcp.destroy();
    else if (opcode === OPCODE_PONG) return;
    else if (isFinal && this.#parts === undefined) this.#options.received(payload);
    else {
      this.#parts ??= [];
      this.#parts.push(Buffer.from(payload));
      if (!isFinal) return;
      const whole = Buffer.concat(this.#parts);
      this.#parts = undefined;
      this.#options.received(whole);
    }
  }
}

/** Masks the payload as every client must, since unmasking is part of a server's work. */
function frame(opcode: number, payload: Uint8Array): Buffer {
  const count = payload.length;
  const extra = count < 126 ? 0 : count < 65_536 ? 2 : 8;
  const start = 6 + extra;
  const bytes = Buffer.allocUnsafe(start + count);
  bytes[0] = 0x80 | opcode;
  bytes[1] = 0x80 | (extra === 0 ? count : extra === 2 ? 126 : 127);
  if (extra === 2) bytes.writeUInt16BE(count, 2);
  else if (extra === 8) bytes.writeBigUInt64BE(BigInt(count), 2);
  bytes.set(MASK, 2 + extra);
  bufferUtil.mask(
    Buffer.from(payload.buffer, payload.byteOffset, count),
    MASK,
    bytes,
    start,
    count,
  );
  return bytes;
}

function isAddressInUse(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EADDRINUSE";
}
