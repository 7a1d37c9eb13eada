// A WebSocket that a node accepted, with a slot for whoever it belongs to: first the handshake, then
// the link. The listeners are plain functions shared by all sockets: no closure is kept per connection.
import type { Socket } from "node:net";
import { WebSocket, type RawData } from "ws";

/** Bytes of a message that is not whole which its owner is not told of: a link may always have so much. */
const UNTOLD_BYTES = 64 * 1024;
const NODE_SOCKET = Symbol("the WebSocket over a TCP socket");

/** Who is told what happens on a socket. */
export interface SocketOwner {
  received(data: Buffer, isBinary: boolean): void;
  /** So many bytes of a message have come, which is not whole; 0 where it is. */
  gathering?(bytes: number): void;
  closed(): void;
}

export class NodeSocket extends WebSocket {
  /** Set before the first event can come. */
  owner: SocketOwner | undefined = undefined;
  /** Bytes that came since the last whole message. */
  gatheredBytes = 0;
  /** Of the last ping that has no pong yet. */
  pingData: Buffer | undefined = undefined;
}

/** Wires the listeners; `ws` ends the socket by itself where a WebSocket frame is invalid. */
export function listenToSocket(socket: NodeSocket): void {
  socket.on("message", socketOnMessage);
  socket.on("ping", socketOnPing);
  socket.on("error", socketOnError);
  socket.on("close", socketOnClose);
}

function socketOnMessage(this: WebSocket, data: RawData, isBinary: boolean): void {
  // With the default binaryType a message is always one Buffer.
  if (!(this instanceof NodeSocket) || !Buffer.isBuffer(data)) return;
  if (this.gatheredBytes > UNTOLD_BYTES) this.owner?.gathering?.(0);
  this.gatheredBytes = 0;
  this.owner?.received(data, isBinary);
}

/** Tells the socket's owner from now on of messages that are long in coming. */
export function watchGathering(socket: NodeSocket, tcp: Socket): void {
  Object.assign(tcp, { [NODE_SOCKET]: socket });
  // Behind ws's own listener: where that finds the end of a message, what counts is this chunk alone.
  tcp.on("data", tcpOnData);
}

function tcpOnData(this: Socket, chunk: Buffer): void {
  const socket = (this as { [NODE_SOCKET]?: NodeSocket })[NODE_SOCKET];
  if (socket === undefined) return;
  socket.gatheredBytes += chunk.length;
  if (socket.gatheredBytes > UNTOLD_BYTES) socket.owner?.gathering?.(socket.gatheredBytes);
}

/** One pong a turn, however many pings have come: it may stand for all of them. RFC 6455 §5.5.3 */
function socketOnPing(this: WebSocket, data: Buffer): void {
  if (!(this instanceof NodeSocket)) return;
  if (this.pingData === undefined) setImmediate(sendPong, this);
  this.pingData = data;
}

function sendPong(socket: NodeSocket): void {
  const { pingData } = socket;
  socket.pingData = undefined;
  if (socket.readyState === WebSocket.OPEN) socket.pong(pingData);
}

/** An invalid WebSocket frame or a broken connection: the close event follows. */
function socketOnError(): void {
  // Without a listener an error would end the process.
}

function socketOnClose(this: WebSocket): void {
  if (this instanceof NodeSocket) this.owner?.closed();
}
