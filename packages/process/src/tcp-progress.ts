// Detects progress on a TCP connection even without complete messages: bytes of an incomplete message, pongs between
// its fragments, and bytes that the kernel accepts because the peer reads.
import type { Socket } from "node:net";

/** Returns the number of received bytes. */
export function bytesReceived(tcp: Socket): number {
  return tcp.bytesRead;
}

/** Returns a number that changes whenever the kernel accepts some of the bytes that wait to be sent. */
export function bytesTaken(tcp: Socket): number {
  const { _handle: handle } = tcp as unknown as { _handle?: { writeQueueSize?: number } | null };
  // bytesWritten and writableLength count whole writes; writeQueueSize covers the write in progress.
  return tcp.bytesWritten - tcp.writableLength - (handle?.writeQueueSize ?? 0);
}
