// Whatever comes in at a socket costs its sender only: every process is alive at the end of every test, and those
// who behave have not noticed.
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect as dial, type Socket } from "node:net";
import { expect } from "chai";
import { eventually } from "../../demo/test/support/eventually.ts";
import { SessionSeal } from "../src/session-seal.ts";
import { apiAuthPost, post } from "./support/signed-post.ts";
import {
  SEAL_SECRET,
  SwitchboardBench,
  type SwitchboardProcess,
} from "./support/switchboard-process.ts";
import { UserSocket, type Frame } from "./support/user-socket.ts";

const ORIGIN = "https://good.example";

describe("bad input at a switchboard", () => {
  const seal = new SessionSeal({ secret: SEAL_SECRET, lifetimeMs: 60_000 });
  let bench: SwitchboardBench;
  let node: SwitchboardProcess;
  /** Somebody who behaves. */
  let bystander: UserSocket;
  let bystanderId: string;
  let count = 0;

  before(async function () {
    this.timeout(60_000);
    bench = await SwitchboardBench.start();
    node = await bench.switchboard({ SWITCHBOARD_ORIGINS: ORIGIN });
    bystander = await UserSocket.open(node.url);
    bystanderId = (await seal.unseal(bystander.session))?.userId ?? "";
  });
  after(async function () {
    this.timeout(60_000);
    await bench.stop();
  });
  afterEach(async () => {
    count += 1;
    expect(node.isAlive, node.stderr).to.be.true;
    const answer = await post(node.url, apiAuthPost({ to: bystanderId, body: String(count) }));
    expect(answer.status, answer.text).to.equal(204);
    await bystander.gets(count);
    expect(bystander.frames.filter((frame) => !("to" in frame))).to.have.length(1);
    expect(node.stderr).to.equal("");
  });

  async function errorFor(frame: string | Buffer): Promise<Frame> {
    const socket = await UserSocket.open(node.url);
    socket.webSocket.send(frame);
    const error = await socket.has("an error", ({ type }) => type === "error");
    // It goes on.
    socket.send({ message: "ok", id: "1" });
    await socket.has("an answer", ({ type }) => type === "sent");
    await socket.close();
    return error;
  }

  it("is answered with an error where it is a frame, and the socket goes on", async () => {
    for (const text of ["", "{", "x", "\u0000", "[".repeat(50_000)]) {
      expect((await errorFor(text))["code"]).to.equal("SWITCHBOARD_FRAME_NOT_JSON");
    }
    const invalid = ["null", "[]", "{}", '{"message":1}', '{"__proto__":{"message":"x"}}'];
    for (const text of [...invalid, '{"message":"x","payload":[]}', '{"message":"x","id":7}']) {
      expect((await errorFor(text))["code"]).to.equal("SWITCHBOARD_FRAME_INVALID");
    }
    expect((await errorFor(randomBytes(100)))["code"]).to.equal("SWITCHBOARD_FRAME_BINARY");
  });

  it("is stored or refused where it is nested deep", async () => {
    const socket = await UserSocket.open(node.url);
    socket.send(`{"message":"x","id":"1","payload":${'{"a":'.repeat(9000)}1${"}".repeat(9000)}}`);
    await socket.has("an answer", ({ id }) => id === "1");
    await socket.close();
  });

  it("ends its own socket where it breaks the WebSocket protocol", async () => {
    const frames = {
      "an unknown opcode": [0x83, 0x80, 0, 0, 0, 0],
      "a control frame that is too long": [0x89, 0xfe, 0x01, 0x00, 0, 0, 0, 0],
      "a frame without a mask": [0x81, 0x01, 0x78],
      "reserved bits": [0xf1, 0x80, 0, 0, 0, 0],
      "a continuation of nothing": [0x80, 0x80, 0, 0, 0, 0],
      "text that is not UTF-8": [0x81, 0x82, 0, 0, 0, 0, 0xff, 0xfe],
      "a close code that is none": [0x88, 0x82, 0, 0, 0, 0, 0x00, 0x01],
      "a frame of 2^63 bytes": [0x81, 0xff, 0x7f, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0],
      "a frame over the limit": [0x81, 0xff, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0, 0],
    };
    for (const [name, bytes] of Object.entries(frames)) {
      const socket = await rawWebSocket(node.port);
      socket.write(Buffer.from(bytes));
      await eventually(`${name} ends its socket`, () => socket.destroyed || socket.readableEnded);
      socket.destroy();
    }
    for (let round = 0; round < 50; round += 1) {
      const socket = await rawWebSocket(node.port);
      socket.end(randomBytes(300));
      socket.destroySoon();
    }
  });

  it("ends its own socket where a frame is huge", async () => {
    const socket = await UserSocket.open(node.url);
    socket.send({ message: "x".repeat(10_000_000) });
    expect(await socket.closed()).to.be.oneOf([1006, 1009]);
  });

  it("is refused where it is too much, and closed where it does not stop", async () => {
    const socket = await UserSocket.open(node.url);
    for (let index = 0; index < 40; index += 1) socket.send({ message: "x", id: `id-${index}` });
    const error = await socket.has("an error", ({ type }) => type === "error");
    expect(error["code"]).to.equal("SWITCHBOARD_RATE_LIMITED");
    expect(error["id"]).to.match(/^id-\d+$/);
    expect(socket.closeCode).to.equal(undefined);
    for (let index = 0; index < 500; index += 1) socket.send({ message: "x" });
    expect(await socket.closed()).to.equal(1008);
  });

  it("does not come in from pages of other origins", async () => {
    const stranger = UserSocket.dial(node.url, { origin: "https://evil.example" });
    expect(await stranger.closed()).to.equal(1006);
    const friend = await UserSocket.open(node.url, { origin: ORIGIN });
    await friend.close();
  });

  it("gets a new session for one that is forged, and nothing of another's", async () => {
    const { session } = bystander;
    const parts = session.split(".");
    const flipped = [0, 2, 3, 4].map((index) =>
      parts.map((part, at) => (at === index ? flipBit(part) : part)).join("."),
    );
    const expired = await new SessionSeal({
      secret: SEAL_SECRET,
      lifetimeMs: 1000,
      now: () => Date.now() - 5000,
    }).seal({ userId: bystanderId });
    const foreign = await new SessionSeal({
      secret: "a secret of somebody else",
      lifetimeMs: 60_000,
    }).seal({ userId: bystanderId });
    const guesses = ["bob", bystanderId, "null", "__proto__", "%00", "x".repeat(5000), "../../x"];
    for (const forged of [...flipped, expired, foreign, ...guesses]) {
      const socket = await UserSocket.open(node.url, { session: forged, position: "earliest" });
      expect(socket.frames[0], forged).to.include({
        resumed: false,
        refused: "SWITCHBOARD_SESSION_INVALID",
        position: "0000000000000000_0",
      });
      expect((await seal.unseal(socket.session))?.userId).to.not.equal(bystanderId);
      expect(socket.messages).to.deep.equal([]);
      await socket.close();
    }
  });

  it("is no position where it is none: the session goes on from what it confirmed", async () => {
    const { session } = bystander;
    for (const position of ["x", "live", "earliest", "0123456789abcdef_-1", "since:0", "\u0000"]) {
      const socket = await UserSocket.open(node.url, { session, position });
      expect(socket.isResumed).to.be.true;
      expect(socket.frames[0]?.["position"]).to.match(/^[0-9a-f]{16}_\d+$/);
      await socket.close();
    }
  });

  it("gets an answer, or none, where it is no HTTP", async () => {
    const upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
    const requests = [
      "\r\n\r\n",
      "GARBAGE\r\n\r\n",
      "GET / HTTP/9.9\r\n\r\n",
      "GET /%ff%00 HTTP/1.1\r\nHost: x\r\n\r\n",
      `GET / HTTP/1.1\r\nHost: x\r\n${upgrade}\r\n`,
      `GET / HTTP/1.1\r\nHost: x\r\n${upgrade}Sec-WebSocket-Key: short\r\nSec-WebSocket-Version: 13\r\n\r\n`,
      `GET / HTTP/1.1\r\nHost: x\r\n${upgrade}Sec-WebSocket-Key: ${"A".repeat(22)}==\r\nSec-WebSocket-Version: 1\r\n\r\n`,
      "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
      `POST / HTTP/1.1\r\nHost: x\r\n${upgrade}Content-Length: 5\r\n\r\nhello`,
      "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: \u0001\r\nContent-Length: 2\r\n\r\n{}",
      "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
      `GET / HTTP/1.1\r\nHost: x\r\nX: ${"x".repeat(100_000)}\r\n\r\n`,
    ];
    for (const text of requests) {
      const socket = dial(node.port, "127.0.0.1");
      socket.on("error", () => undefined);
      socket.end(text, "latin1");
      socket.resume();
      await eventually("it is over", () => socket.closed);
    }
    for (let round = 0; round < 30; round += 1) {
      const socket = dial(node.port, "127.0.0.1");
      socket.on("error", () => undefined);
      socket.write(randomBytes(200));
      setImmediate(() => socket.destroy());
      await eventually("it is over", () => socket.closed);
    }
  });

  it("gets no stack and no file from any path", async () => {
    for (const path of [
      "/x",
      "/client/../package.json",
      "/client/%2e%2e/package.json",
      "/client/x",
    ]) {
      const response = await fetch(node.url + path);
      expect(response.status).to.equal(404);
      expect(response.headers.get("content-type")).to.match(/^application\/problem\+json/);
    }
  });

  it("may leave at any moment", async () => {
    for (let round = 0; round < 30; round += 1) {
      const socket = UserSocket.dial(node.url, { session: bystander.session });
      setTimeout(() => socket.drop(), round);
      await socket.closed();
    }
    await eventually("all are gone", async () => (await node.metric("sockets")) === 1);
  });
});

/** A socket that has been upgraded, for frames that no client would send. */
async function rawWebSocket(port: number): Promise<Socket> {
  const socket = dial(port, "127.0.0.1");
  socket.on("error", () => undefined);
  socket.write(
    [
      "GET / HTTP/1.1",
      "Host: x",
      "Connection: Upgrade",
      "Upgrade: websocket",
      "Sec-WebSocket-Version: 13",
      `Sec-WebSocket-Key: ${randomBytes(16).toString("base64")}`,
      "\r\n",
    ].join("\r\n"),
  );
  await once(socket, "data");
  socket.resume();
  return socket;
}

function flipBit(part: string): string {
  const bytes = Buffer.from(part, "base64url");
  const middle = Math.floor(bytes.length / 2);
  bytes[middle] = (bytes[middle] ?? 0) ^ 1;
  return bytes.toString("base64url");
}
