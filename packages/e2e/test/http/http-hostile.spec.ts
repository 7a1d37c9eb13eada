// HTTP clients that are malicious or break off, with real nodes: they harm only themselves, and
// leave nothing behind.
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { gzipSync } from "node:zlib";
import { expect } from "chai";
import { SignJWT } from "jose";
import { eventually } from "@shardcast/faults";
import { EventReader, ask, exchange, jsonOf, problemOf } from "@shardcast/e2e/http-client";
import { TestCluster, topicOwnedBy, type NodeProcess } from "@shardcast/e2e/nodes";

const SECRET = "the secret of the tests, which is long enough";
const API_KEY = "key-of-the-tests";
const KEY = { authorization: `Bearer ${API_KEY}` };
const AUTHORIZED = `Host: x\r\nAuthorization: Bearer ${API_KEY}\r\n`;
const FEW_LINKS = 5;

function tokenOf(sub: string, expiresInS: number): Promise<string> {
  return new SignJWT({ caps: [{ topics: ["*"], allow: ["subscribe"] }] })
    .setProtectedHeader({ alg: "HS256" })
    .setSubject(sub)
    .setExpirationTime(Math.floor(Date.now() / 1000) + expiresInS)
    .sign(new TextEncoder().encode(SECRET));
}

async function dial(url: string): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on("error", () => undefined);
  await once(socket, "connect");
  return socket;
}

/** The status and code of the last answer on a connection, as `<status> <code>`. */
function lastProblem(text: string): string {
  const last = text.slice(text.lastIndexOf("HTTP/1.1 "));
  const [head = "", body = ""] = last.split("\r\n\r\n");
  expect(head.toLowerCase()).to.include("content-type: application/problem+json");
  const { code } = JSON.parse(body) as { code: string };
  return `${head.slice(9, 12)} ${code}`;
}

describe("HTTP, in hostile hands", () => {
  let cluster: TestCluster;
  let consumer: NodeProcess;
  let producer: NodeProcess;

  before(async function () {
    this.timeout(60_000);
    const args = {
      "api-key": API_KEY,
      "token-secret": SECRET,
      "token-leeway": 0,
      "max-links-per-user": FEW_LINKS,
      "handshake-timeout": 300,
    };
    cluster = await TestCluster.plan(1, { args });
    consumer = await cluster.consumer(1, { args: { log: "memory" } });
    producer = await cluster.producer();
    await eventually("the producer has its uplink", async () => {
      return (await producer.metric("uplinks_open")) === 1;
    });
  });

  // After each attack, the same processes still run and have logged no errors.
  afterEach(async () => {
    for (const node of [consumer, producer]) {
      expect((await ask(node.httpUrl, "/healthz")).status).to.equal(200);
      expect(node.stderr).to.equal("");
      expect(node.stdout).not.to.match(/"level":[56]0/);
    }
  });
  after(() => cluster.stop());

  it("answers what is no request with a code, and ends the connection", async () => {
    const cases: [string, string][] = [
      ["\x16\x03\x01\x00\x01", "400"],
      ["GET\r\n\r\n", "400"],
      ["BREW / HTTP/1.1\r\nHost: x\r\n\r\n", "400"],
      ["GET / HTTP/9.9\r\nHost: x\r\n\r\n", "400"],
      ["GET /healthz HTTP/1.1\r\nHost : x\r\n\r\n", "400"],
      ["GET /healthz HTTP/1.1\r\nHost: x\r\nA: b\n c\r\n\r\n", "400"],
      [`GET /${"x".repeat(20_000)} HTTP/1.1\r\nHost: x\r\n\r\n`, "431"],
      [`GET / HTTP/1.1\r\nHost: x\r\nA: ${"x".repeat(20_000)}\r\n\r\n`, "431"],
      ["GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n", "400"],
      ["GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\nExpect: tea\r\n\r\n", "417"],
    ];
    for (const [bytes, status] of cases) {
      const text = await exchange(consumer.httpUrl, bytes);
      expect([bytes.slice(0, 40), lastProblem(text)]).to.deep.equal([
        ...[bytes.slice(0, 40), `${status} SHARDCAST_REQUEST_INVALID`],
      ]);
    }
  });

  it("does not let one request pass for two", async () => {
    const topic = "smuggled";
    const hidden = `POST /produce/${topic} HTTP/1.1\r\n${AUTHORIZED}Content-Length: 1\r\n\r\nx`;
    const lengths = [
      `Content-Length: ${hidden.length}\r\nTransfer-Encoding: chunked\r\n`,
      `Content-Length: 0\r\nContent-Length: ${hidden.length}\r\n`,
      "Content-Length: +0\r\n",
      "Content-Length: 0x0\r\n",
      "Transfer-Encoding: chunked, identity\r\n",
      "Transfer-Encoding: \x0bchunked\r\n",
      "Transfer-Encoding: xchunked\r\n",
    ];
    for (const length of lengths) {
      const outer = `POST /produce/outer HTTP/1.1\r\n${AUTHORIZED}${length}\r\n0\r\n\r\n`;
      const text = await exchange(producer.httpUrl, outer + hidden);
      expect([length, lastProblem(text)]).to.deep.equal([length, "400 SHARDCAST_REQUEST_INVALID"]);
    }
    const { head } = jsonOf(await ask(consumer.httpUrl, `/topics/${topic}`, { headers: KEY }));
    expect(head).to.match(/_0$/);
  });

  it("knows no method but its own", async () => {
    for (const method of ["DELETE", "PUT", "PATCH", "PROPFIND", "TRACE", "GET"]) {
      const answer = await ask(producer.httpUrl, "/produce/x", { method, headers: KEY });
      expect([method, problemOf(answer)]).to.deep.equal([method, "404 SHARDCAST_ENDPOINT_UNKNOWN"]);
    }
    for (const path of ["/subscribe/x", "/produce/x"]) {
      // Answering a HEAD request for a stream would open an endless stream without a reader.
      expect((await ask(consumer.httpUrl, path, { method: "HEAD", headers: KEY })).status).to.equal(
        404,
      );
    }
    const head = await ask(consumer.httpUrl, "/topics", { method: "HEAD", headers: KEY });
    expect([head.status, head.text]).to.deep.equal([200, ""]);
    await exchange(consumer.httpUrl, `CONNECT /healthz HTTP/1.1\r\n${AUTHORIZED}\r\n`);
  });

  it("refuses upgrades of what is no WebSocket endpoint", async () => {
    for (const [path, protocol] of [
      ["/topics", "websocket"],
      ["/healthz", "h2c"],
      ["/subscribe/x", "h2c"],
    ] as const) {
      const request = `GET ${path} HTTP/1.1\r\n${AUTHORIZED}Connection: Upgrade\r\nUpgrade: ${protocol}\r\n\r\n`;
      const text = await exchange(consumer.httpUrl, request);
      expect(lastProblem(text)).to.match(/^4(00|04|26) SHARDCAST_/);
    }
  });

  const UPGRADE =
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEA==\r\n" +
    "Sec-WebSocket-Protocol: shardcast.v1.json\r\n";
  const VERSION = "Sec-WebSocket-Version: 13\r\n";

  it("answers an upgrade that breaks the rules with problem details", async () => {
    const cases: [string, string][] = [
      [`GET /subscribe HTTP/1.0\r\nHost: x\r\n${UPGRADE}${VERSION}\r\n`, "400"],
      [`GET /subscribe HTTP/1.1\r\n${UPGRADE}${VERSION}\r\n`, "400"],
      [`GET /subscribe HTTP/1.1\r\nHost: x\r\nHost: y\r\n${UPGRADE}${VERSION}\r\n`, "400"],
      [`GET /subscribe HTTP/1.1\r\nHost: x\r\n${UPGRADE}Sec-WebSocket-Version: 12\r\n\r\n`, "426"],
      [`GET /subscribe HTTP/1.1\r\nHost: x\r\n${UPGRADE.replace("AQID", "")}${VERSION}\r\n`, "400"],
      [`PUT /subscribe HTTP/1.1\r\nHost: x\r\n${UPGRADE}${VERSION}\r\n`, "405"],
      [
        `GET /subscribe HTTP/1.1\r\nHost: x\r\n${UPGRADE.replace("shard", ", ,shard")}${VERSION}\r\n`,
        "400",
      ],
    ];
    for (const [bytes, status] of cases) {
      expect([bytes, lastProblem(await exchange(consumer.httpUrl, bytes))]).to.deep.equal([
        ...[bytes, `${status} SHARDCAST_REQUEST_INVALID`],
      ]);
    }
  });

  it("refuses two Host headers", async () => {
    const text = await exchange(
      consumer.httpUrl,
      `GET /healthz HTTP/1.1\r\nHost: x\r\nHost: x\r\nConnection: close\r\n\r\n`,
    );
    expect(lastProblem(text)).to.equal("400 SHARDCAST_REQUEST_INVALID");
  });

  it("takes an upgrade and a request whose target is a whole URL", async () => {
    const target = `${consumer.httpUrl}/subscribe/absolute?from=live`;
    const text = await firstFrom(`GET ${target} HTTP/1.1\r\nHost: x\r\n${UPGRADE}${VERSION}\r\n`);
    expect(text).to.match(/^HTTP\/1\.1 101 /);
    const answer = await exchange(
      consumer.httpUrl,
      `GET ${consumer.httpUrl}/healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
    );
    expect(answer).to.match(/^HTTP\/1\.1 200 /);
  });

  it("switches protocols behind the answers to what came before", async () => {
    const before = `GET /topics HTTP/1.1\r\n${AUTHORIZED}\r\n`;
    const upgrade = `GET /subscribe/x HTTP/1.1\r\nHost: x\r\n${UPGRADE}${VERSION}\r\n`;
    const text = await firstFrom(before + before + upgrade, '"challenge"');
    expect(text.match(/HTTP\/1\.1 \d+/g)).to.deep.equal([
      ...["HTTP/1.1 200", "HTTP/1.1 200", "HTTP/1.1 101"],
    ]);
  });

  /** Reads from a connection up to a text. */
  async function firstFrom(bytes: string, until = "\r\n\r\n"): Promise<string> {
    const socket = await dial(consumer.httpUrl);
    let text = "";
    socket.setEncoding("latin1").on("data", (chunk: string) => (text += chunk));
    socket.write(bytes);
    await eventually(`there is ${until}`, () => text.includes(until));
    socket.destroy();
    return text;
  }

  it("takes no compressed bodies, which would be stored without their coding", async () => {
    const body = gzipSync('{"topic":"zip"}');
    for (const path of ["/produce/zip", "/produce"]) {
      const headers = { ...KEY, "content-encoding": "gzip" };
      expect(problemOf(await ask(producer.httpUrl, path, { body, headers }))).to.equal(
        "415 SHARDCAST_REQUEST_INVALID",
      );
    }
  });

  it("has no names in queries and bodies that mean more than others", async () => {
    const query = "?__proto__[limit]=1&__proto__=2&constructor=3&toString=4&limit=2";
    const page = await ask(consumer.httpUrl, `/topics${query}`, { headers: KEY });
    expect(page.status).to.equal(200);
    const cluster1 = await ask(consumer.httpUrl, "/cluster");
    expect(jsonOf(cluster1)).not.to.have.property("limit");
  });

  it("ends a request whose body does not come", async () => {
    const head = `POST /produce/slow HTTP/1.1\r\n${AUTHORIZED}Content-Length: 10\r\n\r\nx`;
    expect(lastProblem(await exchange(producer.httpUrl, head))).to.equal(
      "408 SHARDCAST_REQUEST_INVALID",
    );
    expect(
      lastProblem(await exchange(producer.httpUrl, "POST /produce/slow HTTP/1.1\r\n")),
    ).to.equal("408 SHARDCAST_REQUEST_INVALID");
  });

  it("asks for a body that waits to be asked for, and answers all that are sent at once", async () => {
    const socket = await dial(producer.httpUrl);
    let text = "";
    socket.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
    const head = `POST /produce/asked HTTP/1.1\r\n${AUTHORIZED}Content-Length: 1\r\n`;
    socket.write(`${head}Expect: 100-continue\r\n\r\n`);
    await eventually("100", () => text.startsWith("HTTP/1.1 100 Continue\r\n\r\n"));
    socket.write("a");
    socket.write(`${head}\r\nb`.repeat(50));
    const offsets = await eventually("51 answers", () => {
      const found = [...text.matchAll(/"position":"[0-9a-f]+_(\d+)"/g)].map(([, offset]) => offset);
      return found.length === 51 ? found : undefined;
    });
    expect(offsets.map(Number)).to.deep.equal(Array.from({ length: 51 }, (_, index) => index + 1));
    socket.destroy();
  });

  it("has no links left of streams that were pipelined", async () => {
    const links = await consumer.metric("links");
    const token = await tokenOf("pipeliner", 3600);
    const request = `GET /subscribe/x HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n\r\n`;
    const socket = await dial(consumer.httpUrl);
    socket.write(request.repeat(FEW_LINKS));
    await once(socket, "data");
    expect(await consumer.metric("links")).to.equal(links + 1);
    socket.destroy();
    await eventually("no link", async () => (await consumer.metric("links")) === links);
    const headers = { authorization: `Bearer ${token}` };
    const open = Array.from({ length: FEW_LINKS }, () =>
      EventReader.open(consumer.httpUrl, "/subscribe/x", headers),
    );
    for (const reader of await Promise.all(open)) reader.close();
  });

  it("has nothing left of thousands of requests that were broken off", async function () {
    this.timeout(60_000);
    const links = await consumer.metric("links");
    const headers = { authorization: `Bearer ${await tokenOf("aborter", 3600)}` };
    const requests = [
      `GET /subscribe/x HTTP/1.1\r\nHost: x\r\nAuthorization: ${headers.authorization}\r\n\r\n`,
      `GET /subscribe/x?from=earliest HTTP/1.1\r\n${AUTHORIZED}\r\n`,
      `GET /topics/x/messages HTTP/1.1\r\n${AUTHORIZED}\r\n`,
      `GET /topics/x/presence HTTP/1.1\r\n${AUTHORIZED}\r\n`,
    ];
    const publishes = [
      `POST /produce/x HTTP/1.1\r\n${AUTHORIZED}Content-Length: 1\r\n\r\nx`,
      `POST /produce/x HTTP/1.1\r\n${AUTHORIZED}Content-Length: 1000\r\n\r\nx`,
      `POST /produce HTTP/1.1\r\n${AUTHORIZED}Transfer-Encoding: chunked\r\n\r\n5\r\n{"to`,
    ];
    for (let round = 0; round < 20; round += 1) {
      const all = [...Array(15).keys()].flatMap(() => [
        ...requests.map((text) => breakOff(consumer.httpUrl, text)),
        ...publishes.map((text) => breakOff(producer.httpUrl, text)),
      ]);
      await Promise.all(all);
    }
    await eventually("no link", async () => (await consumer.metric("links")) === links);
    await eventually("no publish", async () => (await producer.metric("publishes_pending")) === 0);
    const open = Array.from({ length: FEW_LINKS }, () =>
      EventReader.open(consumer.httpUrl, "/subscribe/x", headers),
    );
    for (const reader of await Promise.all(open)) reader.close();
  });

  it("lets go of a stream that has ended and is not read", async () => {
    const files = (): number => readdirSync(`/proc/${consumer.pid}/fd`).length;
    const before = files();
    const headers = { authorization: `Bearer ${await tokenOf("sleeper", 3)}` };
    const reader = await EventReader.open(consumer.httpUrl, "/subscribe/asleep", headers);
    reader.response.socket.pause();
    reader.response.pause();
    // More than the kernels buffer.
    const body = Buffer.alloc(1024 * 1024, "x");
    for (let count = 0; count < 16; count += 1) {
      await ask(producer.httpUrl, "/produce/asleep", { body, headers: KEY });
    }
    await eventually("it lags", async () => (await consumer.metric("subscriptions_lagging")) === 1);
    await eventually("its token is over", async () => (await consumer.metric("links")) === 1);
    await eventually("its socket is closed", () => files() <= before);
    reader.close();
  });
});

/** Resets a connection as soon as its request is sent. */
async function breakOff(url: string, request: string): Promise<void> {
  const socket = await dial(url);
  socket.write(request, () => socket.resetAndDestroy());
  if (!socket.closed) await once(socket, "close");
}

describe("HTTP, while nodes stop and start", () => {
  let cluster: TestCluster;

  beforeEach(async () => {
    const args = { "api-key": API_KEY, log: "memory", "drain-timeout": 3000 };
    cluster = await TestCluster.plan(2, {
      args: { "api-key": args["api-key"], "drain-timeout": 3000 },
    });
  });
  afterEach(() => cluster.stop());

  const memory = { args: { log: "memory" } };

  it("ends streams with the reason, takes none any more, and another node goes on", async () => {
    const [c1, c2] = await Promise.all([cluster.consumer(1, memory), cluster.consumer(2, memory)]);
    const producer = await cluster.producer();
    const topic = topicOwnedBy("c2", cluster.consumers);
    const publish = (body: string) =>
      ask(producer.httpUrl, `/produce/${topic}`, { body, headers: KEY });
    const open = () => EventReader.open(c1.httpUrl, `/subscribe/${topic}`, KEY);
    const readers = await Promise.all(Array.from({ length: 10 }, open));
    await publish("before");
    for (const reader of readers) await reader.count(1);
    const stopped = c1.stop("SIGTERM");
    // The last readers are moved after this.
    await readers[0]?.first("end").catch(() => undefined);
    const codes = new Set<string>();
    await eventually("it takes no streams", async () => {
      const answer = await ask(c1.httpUrl, `/subscribe/${topic}`, { headers: KEY }).catch(
        () => undefined,
      );
      if (answer === undefined) return true;
      codes.add(problemOf(answer));
      return true;
    });
    for (const reader of readers) {
      expect(await reader.first("end")).to.deep.equal({ code: "SHARDCAST_NODE_DRAINING" });
      await reader.ended();
    }
    await stopped;
    expect([...codes].filter((code) => code !== "503 SHARDCAST_NODE_DRAINING")).to.deep.equal([]);
    await publish("while away");
    const headers = { ...KEY, "last-event-id": readers[0]?.lastId };
    const again = await EventReader.open(c2.httpUrl, `/subscribe/${topic}`, headers);
    await again.count(1);
    expect(again.payloads).to.deep.equal(["while away"]);
    again.close();
  });

  it("sends no heartbeat on a stream before its subscription is confirmed", async () => {
    // A stream waits several heartbeats for an owner, and is then refused.
    const args = { log: "memory", "heartbeat-interval": 500 };
    const relay = await cluster.consumer(1, { args });
    const topic = topicOwnedBy("c2", cluster.consumers);
    const answer = await ask(relay.httpUrl, `/subscribe/${topic}`, { headers: KEY });
    expect(problemOf(answer)).to.equal("503 SHARDCAST_OWNER_UNAVAILABLE");
  });

  it("tells streams of the new epoch where an owner has lost its memory", async () => {
    const [c1, c2] = await Promise.all([cluster.consumer(1, memory), cluster.consumer(2, memory)]);
    const producer = await cluster.producer();
    const topic = topicOwnedBy("c1", cluster.consumers);
    const publish = (body: string) =>
      ask(producer.httpUrl, `/produce/${topic}`, { body, headers: KEY });
    const relayed = await EventReader.open(c2.httpUrl, `/subscribe/${topic}`, KEY);
    await publish("old life");
    await relayed.count(1);
    const { lastId } = relayed;
    await c1.stop("SIGKILL");
    const restarted = await cluster.consumer(1, memory);
    expect((await publish("new life")).status).to.equal(200);
    await relayed.count(2);
    expect(relayed.payloads).to.deep.equal(["old life", "new life"]);
    const { epoch } = (await relayed.first("gap")) as { epoch: string };
    expect(lastId.startsWith(epoch)).to.equal(false);
    expect(relayed.lastId).to.equal(`${epoch}_1`);
    // A client that resumes with a position of the old epoch is notified too.
    const headers = { ...KEY, "last-event-id": lastId };
    const back = await EventReader.open(restarted.httpUrl, `/subscribe/${topic}`, headers);
    await back.count(1);
    expect(await back.first("gap")).to.deep.equal({ epoch, first: 1, last: 0 });
    expect(back.payloads).to.deep.equal(["new life"]);
    for (const reader of [relayed, back]) reader.close();
  });

  it("answers the publishes that wait for an owner when the producer node stops", async () => {
    const producer = await cluster.producer();
    const waiting = ask(producer.httpUrl, "/produce/x?timeoutMs=60000", {
      body: "x",
      headers: KEY,
    });
    await eventually("it waits", async () => (await producer.metric("publishes_pending")) === 1);
    const stopped = producer.stop("SIGTERM");
    expect(problemOf(await waiting)).to.match(/^503 SHARDCAST_(NODE_DRAINING|OWNER_UNAVAILABLE)$/);
    await stopped;
  });
});
