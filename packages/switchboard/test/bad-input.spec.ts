// Bad input affects only its sender: at the end of every test every process is alive, and other clients have noticed
// nothing.
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect as dial, type Socket } from "node:net";
import { expect } from "chai";
import { WebSocket } from "ws";
import { eventually } from "@shardcast/faults";
import { SessionSeal } from "../src/session-seal.ts";
import { apiAuthPost, post } from "./support/signed-post.ts";
import {
  SEAL_SECRET,
  SwitchboardBench,
  type SwitchboardProcess,
} from "./support/switchboard-process.ts";
import { UserSocket, type Frame, type OpenOptions } from "./support/user-socket.ts";

const ORIGIN = "https://good.example";

describe("bad input at a switchboard", () => {
  const seal = new SessionSeal({ secret: SEAL_SECRET, lifetimeMs: 60_000 });
  let bench: SwitchboardBench;
  let node: SwitchboardProcess;
  /** A client behind a proxy. */
  let hops: SwitchboardProcess;
  /** A well-behaved client. */
  let bystander: UserSocket;
  let bystanderId: string;
  let count = 0;

  before(async function () {
    this.timeout(60_000);
    bench = await SwitchboardBench.start();
    node = await bench.switchboard({ SWITCHBOARD_ORIGINS: ORIGIN });
    hops = await bench.switchboard({ SWITCHBOARD_TRUSTED_HOPS: "1" });
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

  /** Status and code of a refused upgrade; empty if it is not refused. */
  async function refusal(url: string, options: OpenOptions): Promise<string> {
    const webSocket = new WebSocket(url.replace(/^http/, "ws"), options);
    webSocket.on("error", () => undefined);
    const refused = new Promise<string>((resolve) => {
      webSocket.on("open", () => resolve(""));
      webSocket.on("unexpected-response", (_request, response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (part: string) => (text += part));
        response.on("end", () => {
          const { code } = JSON.parse(text) as { code: string };
          resolve(`${String(response.statusCode)} ${code}`);
        });
      });
    });
    const answer = await refused;
    webSocket.terminate();
    return answer;
  }

  async function errorFor(frame: string | Buffer): Promise<Frame> {
    const socket = await UserSocket.open(node.url);
    socket.webSocket.send(frame);
    const error = await socket.has("an error", ({ type }) => type === "error");
    // The conversation continues.
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

  it("takes the sockets of its own address only", async () => {
    const small = await bench.switchboard({
      SWITCHBOARD_MAX_ADDRESS_SOCKETS: "3",
      SWITCHBOARD_TRUSTED_HOPS: "1",
    });
    const from = (address: string): OpenOptions => ({ headers: { "x-forwarded-for": address } });
    const greedy = await Promise.all(
      [1, 2, 3].map(() => UserSocket.open(small.url, from("10.0.0.1"))),
    );
    expect(await refusal(small.url, from("10.0.0.1"))).to.equal("429 SWITCHBOARD_ADDRESS_FULL");
    // Entries that a client writes itself are further to the left.
    const spoofed = from("10.9.9.9, 10.0.0.1");
    expect(await refusal(small.url, spoofed)).to.equal("429 SWITCHBOARD_ADDRESS_FULL");
    const other = await UserSocket.open(small.url, from("10.0.0.2"));
    greedy[0]?.drop();
    await eventually("there is room again", async () => {
      return (await refusal(small.url, from("10.0.0.1"))) === "";
    });
    await other.close();
    await small.stop();
  });

  it("begins so many sessions of one address, and comes back with as many as it has", async () => {
    const small = await bench.switchboard({ SWITCHBOARD_MAX_ADDRESS_SESSIONS: "2" });
    const { session } = await UserSocket.open(small.url);
    await UserSocket.open(small.url, { session: "none of ours" });
    expect(await refusal(small.url, {})).to.equal("429 SWITCHBOARD_SESSIONS_LIMIT");
    const back = await UserSocket.open(small.url, { session });
    expect(back.isResumed).to.be.true;
    await small.stop();
  });

  it("is refused before its body is read where the headers are enough", async () => {
    for (const headers of ["", "Authorization: APIAuth concierge:AAAA\r\n"]) {
      const socket = dial(node.port, "127.0.0.1");
      socket.setEncoding("utf8");
      let text = "";
      socket.on("data", (part: string) => (text += part));
      socket.write(`POST / HTTP/1.1\r\nHost: x\r\n${headers}Content-Length: 200000\r\n\r\n{`);
      await eventually("it is refused", () => text.startsWith("HTTP/1.1 401 "));
      socket.destroy();
    }
  });

  it("keeps no room of others by bodies that do not come to an end", async () => {
    const head = "POST / HTTP/1.1\r\nHost: x\r\nwebhook-signature: v1,x\r\n";
    const sockets: Socket[] = [];
    let refusals = 0;
    for (let index = 0; index < 70; index += 1) {
      const socket = dial(hops.port, "127.0.0.1");
      socket.setEncoding("utf8");
      socket.on("error", () => undefined);
      socket.on("data", (text: string) => (refusals += text.startsWith("HTTP/1.1 503 ") ? 1 : 0));
      socket.write(`${head}X-Forwarded-For: 10.0.0.1\r\nContent-Length: 262144\r\n\r\n{`);
      sockets.push(socket);
    }
    await eventually("it has its share", () => refusals === 6);
    const request = apiAuthPost({ to: bystanderId, body: "x" });
    const headers = { ...request.headers, "x-forwarded-for": "10.0.0.2" };
    expect((await post(hops.url, { ...request, headers })).status).to.equal(204);
    for (const socket of sockets) socket.destroy();
    await bystander.gets(count + 1);
    count += 1;
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

  it("gets problem details where an upgrade is refused", async () => {
    const upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
    const key = `Sec-WebSocket-Key: ${"A".repeat(22)}==\r\n`;
    const version = "Sec-WebSocket-Version: 13\r\n";
    for (const [text, status, code] of [
      [`GET / HTTP/1.0\r\nHost: x\r\n${upgrade}${key}${version}\r\n`, 400, "REQUEST_INVALID"],
      [`GET / HTTP/1.1\r\n${upgrade}${key}${version}\r\n`, 400, "REQUEST_INVALID"],
      [`GET / HTTP/1.1\r\nHost: x\r\n${upgrade}${key}\r\n`, 426, "REQUEST_INVALID"],
      [
        `GET / HTTP/1.1\r\nHost: x\r\nOrigin: https://bad.example\r\n${upgrade}${key}${version}\r\n`,
        ...([403, "ORIGIN_FORBIDDEN"] as const),
      ],
    ] as const) {
      const socket = dial(node.port, "127.0.0.1");
      let answer = "";
      socket.setEncoding("utf8").on("data", (chunk: string) => (answer += chunk));
      socket.write(text);
      await eventually("it is over", () => socket.closed);
      expect(answer).to.match(new RegExp(`^HTTP/1.1 ${status} `));
      expect(answer).to.include("Content-Type: application/problem+json\r\n");
      expect(answer).to.include(`"code":"SWITCHBOARD_${code}"`);
    }
  });

  it("is told so where it is nested too deeply", async () => {
    const deep = `${'{"a":'.repeat(5000)}1${"}".repeat(5000)}`;
    const error = await errorFor(`{"message":"x","payload":${deep}}`);
    expect(error).to.include({ code: "SWITCHBOARD_FRAME_INVALID" });
    expect(String(error["reason"])).to.include("500 levels");
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

/** An upgraded socket, for frames that no client library sends. */
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
