// Two servers for comparison: one that uses `ws` as its documentation shows, and one with the
// lowest cost that any server on `ws` can have. Both support only topics, without authentication,
// storage or acks.
import { createServer, type IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { WebSocketServer, type WebSocket } from "ws";

const HEADER_BYTES = 10;
/** The number of messages that the `limit` server keeps for clients that reconnect. */
const KEPT_MESSAGES = 100;

/** Sends a message to a topic's subscribers. */
type FanOut = (topic: Topic, payload: Buffer) => void;

interface Topic {
  readonly sockets: Set<WebSocket>;
  readonly tcp: Set<Socket>;
  waiting: Buffer[];
  /** The last messages, as frames. */
  kept: Buffer[];
}

/**
 * `send` calls `send` for each subscriber and message. `limit` frames each message once, and writes
 * once per turn.
 */
export function serveBare(mode: "send" | "limit", port: number): Promise<void> {
  const topics = new Map<string, Topic>();
  const fanOut = mode === "send" ? sendEach : writeOnceATurn;
  const http = createServer();
  const server = new WebSocketServer({
    server: http,
    perMessageDeflate: false,
    clientTracking: false,
  });
  server.on("connection", (socket, request) => accept(socket, request, topics, fanOut));
  return new Promise((resolve) => {
    http.listen({ port, host: "127.0.0.1", backlog: 4096 }, resolve);
  });
}

function accept(
  socket: WebSocket,
  request: IncomingMessage,
  topics: Map<string, Topic>,
  fanOut: FanOut,
): void {
  const [, role, name = ""] = (request.url ?? "").split("/");
  if (role === "publish") {
    socket.on("message", (data: Buffer) => {
      const at = data.indexOf(0x0a);
      const topic = topics.get(data.toString("latin1", 0, at));
      if (topic !== undefined) fanOut(topic, data.subarray(at + 1));
    });
    return;
  }
  const topic = topics.get(name) ?? { sockets: new Set(), tcp: new Set(), waiting: [], kept: [] };
  topics.set(name, topic);
  if (role === "recover") request.socket.write(Buffer.concat(topic.kept));
  topic.sockets.add(socket);
  topic.tcp.add(request.socket);
  socket.on("close", () => {
    topic.sockets.delete(socket);
    topic.tcp.delete(request.socket);
  });
}

function sendEach(topic: Topic, payload: Buffer): void {
  for (const socket of topic.sockets) socket.send(payload);
}

function writeOnceATurn(topic: Topic, payload: Buffer): void {
  const framed = frame(payload);
  topic.waiting.push(framed);
  topic.kept.push(framed);
  if (topic.kept.length > KEPT_MESSAGES) topic.kept.shift();
  if (topic.waiting.length > 1) return;
  setImmediate(() => {
    const all = topic.waiting.length === 1 ? topic.waiting[0] : Buffer.concat(topic.waiting);
    topic.waiting = [];
    if (all !== undefined) for (const tcp of topic.tcp) tcp.write(all);
  });
}

function frame(payload: Buffer): Buffer {
  const bytes = Buffer.allocUnsafe(HEADER_BYTES + payload.length);
  bytes.set(payload, HEADER_BYTES);
  if (payload.length < 126) {
    bytes[HEADER_BYTES - 2] = 0x82;
    bytes[HEADER_BYTES - 1] = payload.length;
    return bytes.subarray(HEADER_BYTES - 2);
  }
  bytes[HEADER_BYTES - 4] = 0x82;
  bytes[HEADER_BYTES - 3] = 126;
  bytes.writeUInt16BE(payload.length, HEADER_BYTES - 2);
  return bytes.subarray(HEADER_BYTES - 4);
}
