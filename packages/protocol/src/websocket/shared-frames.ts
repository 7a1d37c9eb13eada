// Frames that go to many links as the same bytes: encoded once, framed once, for JSON links too.
import { crc32 } from "node:zlib";
import { binaryToJson } from "../transcode.ts";
import {
  OPCODE_BINARY,
  WEBSOCKET_HEADER_BYTES,
  frameMessage,
  frameText,
} from "./websocket-frame.ts";

export class SharedFrames {
  /** The frames alone. */
  readonly frames: Buffer;
  readonly #room: Buffer;
  #binary: Buffer | undefined;
  #json: Buffer | undefined;
  #crc: number | undefined;

  /** @param room a buffer with 10 bytes of room in front of the frames; it is not copied */
  constructor(room: Buffer) {
    this.frames = room.subarray(WEBSOCKET_HEADER_BYTES);
    this.#room = room;
  }

  /** Copies frames that lie elsewhere. */
  static of(frames: Uint8Array): SharedFrames {
    const room = Buffer.allocUnsafe(WEBSOCKET_HEADER_BYTES + frames.length);
    room.set(frames, WEBSOCKET_HEADER_BYTES);
    return new SharedFrames(room);
  }

  /** Copies frames that lie in several places. @param bytes of all of them */
  static concat(parts: readonly Uint8Array[], bytes: number): SharedFrames {
    const room = Buffer.allocUnsafe(WEBSOCKET_HEADER_BYTES + bytes);
    let at = WEBSOCKET_HEADER_BYTES;
    for (const part of parts) {
      room.set(part, at);
      at += part.length;
    }
    return new SharedFrames(room);
  }

  /** Computes the checksum now: what happens to the frames from here on is noticed. */
  seal(): this {
    this.#crc = crc32(this.frames);
    return this;
  }

  /** CRC-32 of the frames, made when it is asked for the first time. */
  get crc(): number {
    return (this.#crc ??= crc32(this.frames));
  }

  /** One whole WebSocket message that carries them; made when the first link asks. */
  get binary(): Buffer {
    return (this.#binary ??= frameMessage(this.#room, OPCODE_BINARY));
  }

  /** The same as JSON lines in a text message; made when the first JSON link asks. */
  get json(): Buffer {
    this.#json ??= frameText(binaryToJson(this.frames));
    return this.#json;
  }
}
