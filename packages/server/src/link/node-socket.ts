// A WebSocket that a node accepted, with a slot for its current owner: first the handshake, then
// the link. The listeners are plain functions that all sockets share, so no closure is kept per
// connection.
import type { Socket } from "node:net";
import { WebSocket, type RawData } from "ws";

/**
 * Up to this many bytes of an unfinished message are not reported to the owner: every link may hold
 * that much.
 */
const UNTOLD_BYTES = 64 * 1024;
const NODE_SOCKET = Symbol("the WebSocket over a TCP socket");

/** Receives the events of a socket. */
export interface SocketOwner {
  received(data: Buffer, isBinary: boolean): void;
  /** An unfinished message has this many bytes so far; 0 once the message is whole. */
  gathering?(bytes: number): void;
  closed(): void;
}

export class NodeSocket extends WebSocket {
  /** Set before the first event can arrive. */
  owner: SocketOwner | undefined = undefined;
  /** Bytes that arrived since the last whole message. */
  gatheredBytes = 0;
  /** Data of the last ping that has not been answered yet. */
  pingData: Buffer | undefined = undefined;
}

/** Adds the listeners. When a WebSocket frame is invalid, `ws` itself ends the socket. */
export function listenToSocket(socket: NodeSocket): void {
  socket.on("message", socketOnMessage);
  socket.on("ping", socketOnPing);
  socket.on("error", socketOnError);
  socket.on("close", socketOnClose);
}

function socketOnMessage(this: WebSocket, data: RawData, isBinary: boolean): void {
  // With the default binaryType, a message is always one Buffer.
  if (!(this instanceof NodeSocket) || !Buffer.isBuffer(data)) return;
  if (this.gatheredBytes > UNTOLD_BYTES) this.owner?.gathering?.(0);
  this.gatheredBytes = 0;
  this.owner?.received(data, isBinary);
}

/** From now on, reports large unfinished messages to the socket's owner. */
export function watchGathering(socket: NodeSocket, tcp: Socket): void {
  Object.assign(tcp, { [NODE_SOCKET]: socket });
  // Runs after ws's own listener: if ws found the end of a message, only this chunk counts.
  tcp.on("data", tcpOnData);
}

function tcpOnData(this: Socket, chunk: Buffer): void {
  const socket = (this as { [NODE_SOCKET]?: NodeSocket })[NODE_SOCKET];
  if (socket === undefined) return;
  socket.gatheredBytes += chunk.length;
  if (socket.gatheredBytes > UNTOLD_BYTES) socket.owner?.gathering?.(socket.gatheredBytes);
}

/** Sends one pong per turn for any number of pings, which RFC 6455 §5.5.3 allows. */
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

/** An invalid WebSocket frame or a broken connection; the close event follows. */
function socketOnError(): void {
  // Without a listener, an error would end the process.
}

function socketOnClose(this: WebSocket): void {
  if (this instanceof NodeSocket) this.owner?.closed();
}
