// What came over a link and is not worked off yet, in its order: a turn has room for so much of one link, so that one
// that sends very many frames at once holds up nobody else.
import { FRAME_TYPES, decodeJsonFrames, forEachFrame, framesToBinary } from "@shardcast/protocol";

/** What a link may do in one turn. */
export const TURN_UNITS = 16_384;
const CHEAP_UNITS = 1;
const OTHER_UNITS = 64;
const { publish, heartbeat, ping } = FRAME_TYPES;
/** Most frames of a burst are publishes. */
const CHEAP: ReadonlySet<number> = new Set([publish, heartbeat, ping]);
/** A text is decoded in pieces of about so much: it takes many times as long as bytes do. */
const TEXT_BYTES = 16 * 1024;
const LINE_FEED = 0x0a;

/** Works a frame off. @returns false where that was enough for now */
export type WorkOff = (type: number, bytes: Uint8Array, start: number, end: number) => boolean;

export function unitsOf(type: number): number {
  return CHEAP.has(type) ? CHEAP_UNITS : OTHER_UNITS;
}

/**
 * Works off the frames of a WebSocket message, from an index on.
 * @returns how far it came
 * @throws SHARDCAST_FRAME_MALFORMED, SHARDCAST_FRAME_UNKNOWN, and what `workOff` throws
 */
export function readFrames(data: Buffer, isJson: boolean, from: number, workOff: WorkOff): number {
  return isJson
    ? readText(data, from, workOff)
    : forEachFrame(data, (type, start, end) => workOff(type, data, start, end), from);
}

/** A piece is worked off as a whole. */
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

/** Behind whole lines. */
function pieceEnd(text: Buffer, start: number): number {
  if (text.length - start <= TEXT_BYTES) return text.length;
  const lineFeed = text.indexOf(LINE_FEED, start + TEXT_BYTES);
  return lineFeed === -1 ? text.length : lineFeed + 1;
}

export class FrameBacklog {
  readonly #messages: Buffer[];
  #first = 0;
  /** How far the first of them is worked off. */
  #at: number;

  constructor(message: Buffer, at: number) {
    this.#messages = [message];
    this.#at = at;
  }

  push(message: Buffer): void {
    this.#messages.push(message);
  }

  /**
   * @param read works a message off from an index on, and returns how far it came
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
