// The header of a WebSocket frame from a server: final, unmasked, not compressed. RFC 6455 §5.2.
// Written here so that a message is framed once, in place, and the same bytes go to every subscriber.

const OPCODE_TEXT = 0x1;
export const OPCODE_BINARY = 0x2;
/** A whole ping, without a payload. */
export const PING = Buffer.from([0x89, 0x00]);
/** Room for the largest header; a smaller one ends where the payload starts. */
export const WEBSOCKET_HEADER_BYTES = 10;

/**
 * Writes a header in front of a payload.
 * @param payloadStart where the payload starts in `bytes`: 10 or more
 * @returns where the header starts
 */
export function writeWebSocketHeader(
  bytes: Buffer,
  payloadStart: number,
  payloadBytes: number,
  opcode: number,
): number {
  if (payloadBytes < 126) {
    bytes[payloadStart - 2] = 0x80 | opcode;
    bytes[payloadStart - 1] = payloadBytes;
    return payloadStart - 2;
  }
  if (payloadBytes < 0x1_0000) {
    bytes[payloadStart - 4] = 0x80 | opcode;
    bytes[payloadStart - 3] = 126;
    bytes.writeUInt16BE(payloadBytes, payloadStart - 2);
    return payloadStart - 4;
  }
  bytes[payloadStart - 10] = 0x80 | opcode;
  bytes[payloadStart - 9] = 127;
  bytes.writeUInt32BE(0, payloadStart - 8);
  bytes.writeUInt32BE(payloadBytes, payloadStart - 4);
  return payloadStart - 10;
}

/** A text as one whole WebSocket message. */
export function frameText(text: string): Buffer {
  const payloadBytes = Buffer.byteLength(text);
  const bytes = Buffer.allocUnsafe(WEBSOCKET_HEADER_BYTES + payloadBytes);
  bytes.write(text, WEBSOCKET_HEADER_BYTES, "utf8");
  return bytes.subarray(
    writeWebSocketHeader(bytes, WEBSOCKET_HEADER_BYTES, payloadBytes, OPCODE_TEXT),
  );
}
