// Writes the encoded messages to a socket and reads them with the parser of `ws`.
import { expect } from "chai";
import type { AddressInfo } from "node:net";
import { WebSocket, WebSocketServer, type RawData } from "ws";
import {
  OPCODE_BINARY,
  WEBSOCKET_HEADER_BYTES,
  frameMessage,
  frameText,
} from "../../src/websocket/websocket-frame.ts";

interface Received {
  readonly messages: { readonly data: Buffer; readonly isBinary: boolean }[];
  readonly pingCount: number;
}

/** Returns what a client receives from a server that writes these bytes to its TCP socket and then closes. */
function receive(bytes: Buffer): Promise<Received> {
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
      const messages: Received["messages"] = [];
      let pingCount = 0;
      client.on("ping", () => (pingCount += 1));
      client.on("message", (data: RawData, isBinary) => {
        if (Buffer.isBuffer(data)) messages.push({ data, isBinary });
      });
      client.on("error", reject);
      client.on("close", () => resolve({ messages, pingCount }));
    });
  });
}

function binary(payload: Buffer): Buffer {
  const room = Buffer.concat([Buffer.alloc(WEBSOCKET_HEADER_BYTES), payload]);
  return frameMessage(room, OPCODE_BINARY);
}

describe("WebSocket frames", () => {
  for (const [bytes, pings] of [
    [0, 0],
    [1, 0],
    [125, 0],
    [126, 0],
    [127, 0],
    [65_535, 0],
    [65_536, 2],
    [65_535 + 125, 2],
    [65_535 + 126, 2],
    [131_070, 2],
    [131_071, 3],
    [1_000_000, 16],
  ] as const) {
    it(`carry ${bytes} bytes as one binary message, with ${pings} pings`, async () => {
      const payload = Buffer.from(Array.from({ length: bytes }, (_, at) => (at * 7) % 251));
      const { messages, pingCount } = await receive(
        Buffer.concat([binary(payload), binary(Buffer.from("next"))]),
      );
      expect(messages.length).to.equal(2);
      expect(messages[0]?.isBinary).to.equal(true);
      expect(messages[0]?.data.equals(payload)).to.equal(true);
      expect(String(messages[1]?.data)).to.equal("next");
      expect(pingCount).to.equal(pings);
    });
  }

  it("carry a text in any script as one text message, a large one as well", async () => {
    for (const text of ["日本 ñ 😀", "日本 ñ 😀".repeat(10_000)]) {
      const { messages } = await receive(frameText(text));
      expect(messages.length).to.equal(1);
      expect(messages[0]?.isBinary).to.equal(false);
      expect(String(messages[0]?.data)).to.equal(text);
    }
  });
});
