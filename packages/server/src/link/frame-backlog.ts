// Messages of a link that are not worked off yet, in their order. Each link gets a limited number
// of units per turn, so that a link that sends very many frames at once does not delay others.
import { FRAME_TYPES, decodeJsonFrames, forEachFrame, framesToBinary } from "@shardcast/protocol";

/** The units that a link may use in one turn. */
export const TURN_UNITS = 16_384;
const CHEAP_UNITS = 1;
const OTHER_UNITS = 64;
const { publish, heartbeat, ping } = FRAME_TYPES;
/** Most frames of a burst are publishes. */
const CHEAP: ReadonlySet<number> = new Set([publish, heartbeat, ping]);
/**
 * JSON text is decoded in pieces of about this many bytes, because that takes many times as long as
 * decoding binary frames.
 */
const TEXT_BYTES = 16 * 1024;
const LINE_FEED = 0x0a;

/** Handles one frame. @returns false to stop for now */
export type WorkOff = (type: number, bytes: Uint8Array, start: number, end: number) => boolean;

export function unitsOf(type: number): number {
  return CHEAP.has(type) ? CHEAP_UNITS : OTHER_UNITS;
}

/**
 * Works off the frames of a WebSocket message, starting at an index.
 * @returns the index it reached
 * @throws SHARDCAST_FRAME_MALFORMED, SHARDCAST_FRAME_UNKNOWN, and what `workOff` throws
 */
export function readFrames(data: Buffer, isJson: boolean, from: number, workOff: WorkOff): number {
  return isJson
    ? readText(data, from, workOff)
    : forEachFrame(data, (type, start, end) => workOff(type, data, start, end), from);
}

/** Works off whole pieces only. */
function readText(text: Buffer, from: number, workOff: WorkOff): number {
  let at = from;
  let goesOn = true as boolean;
  while (at < text.length && goesOn) {
    const end = pieceEnd(text, at);
    const bytes = framesToBinary(decodeJsonFrames(text.toString("utf8", at, end)));
    forEachFrame(bytes, (type, start, stop) => {
      goesOn = workOff(type, bytes, start, stop);
    });
    at = end;
  }
  return at;
}

/** The end of the piece that starts at `start`, after a line feed. */
function pieceEnd(text: Buffer, start: number): number {
  if (text.length - start <= TEXT_BYTES) return text.length;
  const lineFeed = text.indexOf(LINE_FEED, start + TEXT_BYTES);
  return lineFeed === -1 ? text.length : lineFeed + 1;
}

export class FrameBacklog {
  readonly #messages: Buffer[];
  #first = 0;
  /** The index up to which the first message is worked off. */
  #at: number;

  constructor(message: Buffer, at: number) {
    this.#messages = [message];
    this.#at = at;
  }

  push(message: Buffer): void {
    this.#messages.push(message);
  }

  /**
   * @param read works off a message from an index on, and returns the index it reached
   * @returns whether nothing is left
   */
  workOff(read: (message: Buffer, from: number) => number): boolean {
    for (; this.#first < this.#messages.length; this.#first += 1) {
      const message = this.#messages[this.#first] as Buffer;
      this.#at = read(message, this.#at);
      if (this.#at < message.length) return false;
      this.#at = 0;
    }
    return true;
  }
}
