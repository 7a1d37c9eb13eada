// A WebSocket that a node accepted, with a slot for whoever it belongs to: first the handshake, then
// the link. The listeners are plain functions shared by all sockets: no closure is kept per connection.
import { WebSocket, type RawData } from "ws";

/** Who is told what happens on a socket. */
export interface SocketOwner {
  received(data: Buffer, isBinary: boolean): void;
  closed(): void;
}

export class NodeSocket extends WebSocket {
  /** Set before the first event can come. */
  owner: SocketOwner | undefined = undefined;
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
  if (this instanceof NodeSocket && Buffer.isBuffer(data)) this.owner?.received(data, isBinary);
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
