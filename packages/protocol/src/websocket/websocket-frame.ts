// Encodes the WebSocket messages of a server: unmasked, not compressed (RFC 6455 §5.2). A message is framed once, in
// place, and the same bytes are sent to every subscriber.
//
// A large message is sent in fragments with a ping after each (§5.4 allows it). The reader answers the pings while the
// rest is on its way, which distinguishes a slow line from a dead one.

const OPCODE_CONTINUATION = 0x0;
const OPCODE_TEXT = 0x1;
export const OPCODE_BINARY = 0x2;
const FINAL = 0x80;
/** A complete ping without a payload. */
export const PING: Buffer = Buffer.from([0x89, 0x00]);
/** Length of the largest header. A shorter header is written directly before the payload. */
export const WEBSOCKET_HEADER_BYTES = 10;
/** Maximum payload of a fragment, and of a message without pings. */
export const PIECE_BYTES = 0xffff;
const PIECE_HEADER_BYTES = 4;

/**
 * Returns a complete message.
 * @param room 10 bytes of room, then the payload. If the payload fits into one piece, it is framed in place.
 */
export function frameMessage(room: Buffer, opcode: number): Buffer {
  const payloadBytes = room.length - WEBSOCKET_HEADER_BYTES;
  return payloadBytes <= PIECE_BYTES
    ? room.subarray(writeHeader(room, WEBSOCKET_HEADER_BYTES, payloadBytes, FINAL | opcode))
    : inPieces(room.subarray(WEBSOCKET_HEADER_BYTES), opcode);
}

/** Returns a complete message with a text. */
export function frameText(text: string): Buffer {
  const room = Buffer.allocUnsafe(WEBSOCKET_HEADER_BYTES + Buffer.byteLength(text));
  room.write(text, WEBSOCKET_HEADER_BYTES, "utf8");
  return frameMessage(room, OPCODE_TEXT);
}

function inPieces(payload: Buffer, opcode: number): Buffer {
  const count = Math.ceil(payload.length / PIECE_BYTES);
  const out = Buffer.allocUnsafe(payload.length + count * (PIECE_HEADER_BYTES + PING.length));
  let end = 0;
  for (let at = 0; at < payload.length; at += PIECE_BYTES) {
    const piece = payload.subarray(at, at + PIECE_BYTES);
    const isLast = at + PIECE_BYTES >= payload.length;
    const first = (at === 0 ? opcode : OPCODE_CONTINUATION) | (isLast ? FINAL : 0);
    // The last piece may be short enough for a shorter header.
    const headerBytes = piece.length < 126 ? 2 : PIECE_HEADER_BYTES;
    const start = end + headerBytes;
    writeHeader(out, start, piece.length, first);
    out.set(piece, start);
    out.set(PING, start + piece.length);
    end = start + piece.length + PING.length;
  }
  return out.subarray(0, end);
}

/** Writes a header before a payload. @returns the start of the header */
function writeHeader(
  bytes: Buffer,
  payloadStart: number,
  payloadBytes: number,
  first: number,
): number {
  const headerBytes = payloadBytes < 126 ? 2 : PIECE_HEADER_BYTES;
  const start = payloadStart - headerBytes;
  bytes[start] = first;
  if (headerBytes === 2) bytes[start + 1] = payloadBytes;
  else {
    bytes[start + 1] = 126;
    bytes.writeUInt16BE(payloadBytes, start + 2);
  }
  return start;
}
