// The message ids of one batch, as one value: for each, how far its message is before the batch's
// last, and the id.
//
//   +-------+--------+-------+----  for each id
//   | delta | length | UTF-8 |
//   | u32   | u8     |       |
//   +-------+--------+-------+----
import { readUint32, writeUint32 } from "@shardcast/protocol";
import type { StoredId } from "./log.ts";

const HEAD_BYTES = 5;

/** @param last the offset of the batch's last message */
export function encodeIds(ids: readonly StoredId[], last: number): Buffer {
  const room = ids.reduce((sum, { messageId }) => sum + HEAD_BYTES + 3 * messageId.length, 0);
  const bytes = Buffer.allocUnsafe(room);
  let at = 0;
  for (const { messageId, offset } of ids) {
    const count = bytes.write(messageId, at + HEAD_BYTES, "utf8");
    writeUint32(bytes, at, last - offset);
    bytes[at + HEAD_BYTES - 1] = count;
    at += HEAD_BYTES + count;
  }
  return bytes.subarray(0, at);
}

export function decodeIds(bytes: Buffer, last: number): StoredId[] {
  const ids: StoredId[] = [];
  for (let at = 0; at + HEAD_BYTES <= bytes.length;) {
    const start = at + HEAD_BYTES;
    const end = start + (bytes[start - 1] ?? 0);
    ids.push({
      messageId: bytes.toString("utf8", start, end),
      offset: last - readUint32(bytes, at),
    });
    at = end;
  }
  return ids;
}
