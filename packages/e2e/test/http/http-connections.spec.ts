// Limits of one HTTP connection with unanswered requests, with real nodes and sockets.
import { connect, type Socket } from "node:net";
import { expect } from "chai";
import { MAX_UNANSWERED } from "@shardcast/process";
import { eventually } from "@shardcast/faults";
import { exchange } from "@shardcast/e2e/http-client";
import { TestCluster, type NodeProcess } from "@shardcast/e2e/nodes";

const API_KEY = "key-of-the-tests";
const ADMIN_KEY = "admin-key-of-tests";

function bearer(key: string): string {
  return `Host: x\r\nAuthorization: Bearer ${key}\r\n`;
}

describe("an HTTP connection", () => {
  let cluster: TestCluster;
  let producer: NodeProcess;
  let unled: NodeProcess;
  const sockets: Socket[] = [];

  before(async function () {
    this.timeout(60_000);
    const args = { "api-key": API_KEY, "admin-key": ADMIN_KEY };
    cluster = await TestCluster.plan(1, { args });
    // No consumer listens at this address, so accepted publishes wait.
    const alone = { args: { port: 0, consumers: "c1=ws://127.0.0.1:1" } };
    [producer, unled] = await Promise.all([
      cluster.producer(),
      cluster.start("producer", alone),
      cluster.consumer(1, { args: { log: "memory" } }),
    ]);
    await eventually("the producer has its uplink", async () => {
      return (await producer.metric("uplinks_open")) === 1;
    });
  });

  afterEach(() => {
    for (const socket of sockets.splice(0)) socket.destroy();
  });
  after(() => cluster.stop());

  /** Sends bytes, and records the response. */
  function send(node: NodeProcess, bytes: string): { text: string; isClosed: boolean } {
    const { hostname, port } = new URL(node.httpUrl);
    const socket = connect(Number(port), hostname);
    sockets.push(socket);
    const seen = { text: "", isClosed: false };
    socket.setEncoding("utf8").on("data", (chunk: string) => (seen.text += chunk));
    socket.on("error", () => undefined);
    socket.on("close", () => (seen.isClosed = true));
    socket.write(bytes);
    return seen;
  }

  it("ends behind the answers to what came first, where it asks for thousands at once", async () => {
    const text = await exchange(
      producer.httpUrl,
      "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n".repeat(5000),
    );
    const statuses = [...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status);
    expect(statuses.pop()).to.equal("429");
    expect(new Set(statuses)).to.deep.equal(new Set(["200"]));
    expect(statuses.length).to.be.within(MAX_UNANSWERED, 4000);
    const last = text.slice(text.lastIndexOf("HTTP/1.1 "));
    expect(last).to.match(/^connection: close\r$/im);
    expect(last).to.include("SHARDCAST_RATE_LIMITED");
  });

  it("has no more requests under way than its share, and not for long", async () => {
    const request =
      `POST /produce/x?timeoutMs=60000 HTTP/1.1\r\n${bearer(API_KEY)}` +
      "Content-Length: 1\r\n\r\nx";
    const seen = send(unled, request.repeat(1000));
    await eventually("its share is under way", async () => {
      return (await unled.metric("publishes_pending")) >= MAX_UNANSWERED;
    });
    expect(await unled.metric("publishes_pending")).to.equal(MAX_UNANSWERED);
    await eventually("it is ended", () => seen.isClosed);
  });

  it("takes as many requests as it likes one after the other", async () => {
    const request = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    const last = "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    const count = 3 * MAX_UNANSWERED;
    const seen = send(producer, request);
    const [socket] = sockets;
    for (let answered = 1; answered <= count; answered += 1) {
      await eventually("an answer", () => seen.text.split("HTTP/1.1 200").length > answered);
      socket?.write(answered === count ? last : request);
    }
    await eventually("it is closed", () => seen.isClosed);
    expect(seen.text.split("HTTP/1.1 200").length - 1).to.equal(count + 1);
  });

  it("is asked for no body that is refused before it is read", async () => {
    const head = (path: string, key: string, length: number): string =>
      `${path} HTTP/1.1\r\n${bearer(key)}Content-Type: application/json\r\n` +
      `Expect: 100-continue\r\nContent-Length: ${length}\r\n\r\n`;
    const cases: [string, string][] = [
      [head("POST /produce/x", "another key", 1), "401"],
      [head("POST /produce/%24push", API_KEY, 1), "403"],
      [head("POST /nowhere", API_KEY, 1), "404"],
      [head("POST /produce/x", API_KEY, 10_000_000), "413"],
      [head("POST /links/disconnect", API_KEY, 1), "401"],
      [head("POST /links/disconnect", ADMIN_KEY, 10_000_000), "413"],
    ];
    for (const [bytes, status] of cases) {
      // The connection must end, since the bytes that follow could be the body or another request.
      const text = await exchange(producer.httpUrl, bytes);
      expect([bytes, text.slice(0, 12)]).to.deep.equal([bytes, `HTTP/1.1 ${status}`]);
      expect(text).not.to.include("100 Continue");
    }
  });

  it("is asked for a body that is read, and goes on", async () => {
    const body = '{"user":"nobody"}';
    const seen = send(
      producer,
      `POST /links/disconnect HTTP/1.1\r\n${bearer(ADMIN_KEY)}Content-Type: application/json\r\n` +
        `Expect: 100-continue\r\nContent-Length: ${body.length}\r\n\r\n`,
    );
    await eventually("100", () => seen.text === "HTTP/1.1 100 Continue\r\n\r\n");
    sockets[0]?.write(body);
    await eventually("an answer", () => seen.text.endsWith('{"disconnected":0}'));
    sockets[0]?.write("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    await eventually("another answer", () => seen.text.endsWith('{"status":"ok"}'));
  });
});
