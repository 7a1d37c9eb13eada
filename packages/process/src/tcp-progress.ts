// Signs of life of a TCP connection that no message tells of: bytes of a message that is not whole, the pongs between
// two of its pieces, and, where nothing is read, what the kernel takes because the peer takes it.
import type { Socket } from "node:net";

/** Bytes that came. */
export function bytesReceived(tcp: Socket): number {
  return tcp.bytesRead;
}

/** Changes whenever the kernel takes bytes of what waits to be sent. */
export function bytesTaken(tcp: Socket): number {
  const { _handle: handle } = tcp as unknown as { _handle?: { writeQueueSize?: number } | null };
  // The first counts whole writes, the second tells of the one that is under way.
  return tcp.bytesWritten - tcp.writableLength - (handle?.writeQueueSize ?? 0);
}
