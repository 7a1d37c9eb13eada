// A topic server on Socket.IO 4: a room for each topic, WebSocket transport only, otherwise
// defaults.
import { createServer } from "node:http";
import { Server } from "socket.io";

export function serveSocketIo(port: number): Promise<void> {
  const http = createServer();
  const io = new Server(http, { transports: ["websocket"], serveClient: false });
  io.on("connection", (socket) => {
    socket.on("subscribe", (topic: string) => void socket.join(topic));
    socket.on("publish", (topic: string, text: string) => io.to(topic).emit("message", text));
  });
  return new Promise((resolve) => {
    http.listen({ port, host: "127.0.0.1", backlog: 4096 }, resolve);
  });
}
