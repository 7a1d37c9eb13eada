// Frames that are sent to many links as the same bytes: encoded and framed once, also for JSON links.
import { crc32 } from "node:zlib";
import { binaryToJson } from "../transcode.ts";
import {
  OPCODE_BINARY,
  WEBSOCKET_HEADER_BYTES,
  frameMessage,
  frameText,
} from "./websocket-frame.ts";

export class SharedFrames {
  /** The frames without the WebSocket header. */
  readonly frames: Buffer;
  readonly #room: Buffer;
  #binary: Buffer | undefined;
  #json: Buffer | undefined;
  #crc: number | undefined;

  /** @param room the frames, after 10 bytes of room for the header; it is not copied */
  constructor(room: Buffer) {
    this.frames = room.subarray(WEBSOCKET_HEADER_BYTES);
    this.#room = room;
  }

  /** Copies frames from another buffer. */
  static of(frames: Uint8Array): SharedFrames {
    const room = Buffer.allocUnsafe(WEBSOCKET_HEADER_BYTES + frames.length);
    room.set(frames, WEBSOCKET_HEADER_BYTES);
    return new SharedFrames(room);
  }

  /** Copies frames from several buffers. @param bytes their total length */
  static concat(parts: readonly Uint8Array[], bytes: number): SharedFrames {
    const room = Buffer.allocUnsafe(WEBSOCKET_HEADER_BYTES + bytes);
    let at = WEBSOCKET_HEADER_BYTES;
    for (const part of parts) {
      room.set(part, at);
      at += part.length;
    }
    return new SharedFrames(room);
  }

  /** Computes the checksum now, so that later damage to the frames is detected. */
  seal(): this {
    this.#crc = crc32(this.frames);
    return this;
  }

  /** CRC-32 of the frames, computed at the first use. */
  get crc(): number {
    return (this.#crc ??= crc32(this.frames));
  }

  /** A complete WebSocket message with the frames, created at the first use. */
  get binary(): Buffer {
    return (this.#binary ??= frameMessage(this.#room, OPCODE_BINARY));
  }

  /** A complete text message with the frames as JSON lines, created at the first use. */
  get json(): Buffer {
    this.#json ??= frameText(binaryToJson(this.frames));
    return this.#json;
  }
}
