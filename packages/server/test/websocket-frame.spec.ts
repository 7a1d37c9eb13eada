// Our frames, written to a socket and read by the parser of `ws`.
import { expect } from "chai";
import type { AddressInfo } from "node:net";
import { WebSocket, WebSocketServer, type RawData } from "ws";
import {
  OPCODE_BINARY,
  WEBSOCKET_HEADER_BYTES,
  frameText,
  writeWebSocketHeader,
} from "../src/websocket-frame.ts";

interface Received {
  readonly data: Buffer;
  readonly isBinary: boolean;
}

/** What a client gets of a server that writes these bytes to its TCP socket, and then closes. */
function receive(bytes: Buffer): Promise<Received[]> {
  return new Promise((resolve, reject) => {
    const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
    server.on("connection", (socket, request) => {
      request.socket.write(bytes);
      socket.close();
      server.close();
    });
    server.on("listening", () => {
      const { port } = server.address() as AddressInfo;
      const client = new WebSocket(`ws://127.0.0.1:${port}`);
      const messages: Received[] = [];
      client.on("message", (data: RawData, isBinary) => {
        if (Buffer.isBuffer(data)) messages.push({ data, isBinary });
      });
      client.on("error", reject);
      client.on("close", () => resolve(messages));
    });
  });
}

function frame(payload: Buffer): Buffer {
  const room = Buffer.concat([Buffer.alloc(WEBSOCKET_HEADER_BYTES), payload]);
  const start = writeWebSocketHeader(room, WEBSOCKET_HEADER_BYTES, payload.length, OPCODE_BINARY);
  return room.subarray(start);
}

describe("WebSocket frames", () => {
  for (const bytes of [0, 1, 125, 126, 127, 65_535, 65_536, 1_000_000]) {
    it(`carries ${bytes} bytes as one binary message`, async () => {
      const payload = Buffer.alloc(bytes, 0x5a);
      const messages = await receive(Buffer.concat([frame(payload), frame(Buffer.from("next"))]));
      expect(messages.length).to.equal(2);
      expect(messages[0]?.isBinary).to.equal(true);
      expect(messages[0]?.data.equals(payload)).to.equal(true);
      expect(String(messages[1]?.data)).to.equal("next");
    });
  }

  it("carries a text in any script as one text message", async () => {
    const messages = await receive(frameText("日本 ñ 😀"));
    expect(messages.length).to.equal(1);
    expect(messages[0]?.isBinary).to.equal(false);
    expect(String(messages[0]?.data)).to.equal("日本 ñ 😀");
  });
});
