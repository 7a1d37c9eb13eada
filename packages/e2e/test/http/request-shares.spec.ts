// Each sender's share of a producer's memory for request bodies, with real nodes: no sender can use
// another's share.
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { request, type ClientRequest, type IncomingMessage } from "node:http";
import { join } from "node:path";
import { expect } from "chai";
import { Webhook } from "standardwebhooks";
import { eventually } from "@shardcast/faults";
import { ask, exchange, problemOf } from "@shardcast/e2e/http-client";
import { TestCluster, type NodeProcess } from "@shardcast/e2e/nodes";
import { TOKEN_SECRET, tokenOf } from "@shardcast/e2e/tokens";

const KEY = `whsec_${Buffer.alloc(24, "k").toString("base64")}`;
const LARGE_BYTES = 16 * 1024 * 1024;

function signed(body: string): Record<string, string> {
  const [id, at] = [`msg_${Math.random().toString(36).slice(2)}`, new Date()];
  const atS = Math.floor(at.getTime() / 1000);
  const signature = new Webhook(KEY).sign(id, at, body);
  return { "webhook-id": id, "webhook-timestamp": `${atS}`, "webhook-signature": signature };
}

describe("request bodies", () => {
  let cluster: TestCluster;
  let producer: NodeProcess;
  const open: ClientRequest[] = [];

  before(async function () {
    this.timeout(60_000);
    cluster = await TestCluster.plan(1);
    const file = join(cluster.dataFolder, "webhook-keys.json");
    writeFileSync(file, JSON.stringify([{ name: "shop", keys: [KEY], allow: "publish:room/*" }]));
    const args = { "token-secret": TOKEN_SECRET, "webhook-keys": file };
    await cluster.consumer(1, { args: { log: "memory" } });
    producer = await cluster.producer({ args });
    await eventually("the producer has its uplink", async () => {
      return (await producer.metric("uplinks_open")) === 1;
    });
  });

  afterEach(() => {
    for (const sent of open.splice(0)) sent.destroy();
  });
  after(() => cluster.stop());

  /** Sends a body that never ends. */
  async function stall(headers: Readonly<Record<string, string>>, bytes: number): Promise<void> {
    const { hostname, port } = new URL(producer.url);
    const sent = request({ hostname, port, path: "/produce", method: "POST", headers });
    open.push(sent);
    sent.on("error", () => undefined);
    sent.on("response", (response: IncomingMessage) => response.resume());
    const isThere = once(sent, "response").catch(() => undefined);
    const isTaken = new Promise((resolve) => sent.write(Buffer.alloc(bytes), resolve));
    await Promise.race([isTaken, isThere]);
  }

  it("that are not whole and not signed keep no signed sender out", async () => {
    for (let count = 0; count < 8; count += 1) await stall(signed("another"), LARGE_BYTES - 1);
    expect(await producer.metric("request_bodies_held_bytes")).to.be.greaterThan(LARGE_BYTES / 2);
    const line = JSON.stringify({ topic: "room/1", payload: "x".repeat(100_000) });
    for (let count = 0; count < 10; count += 1) {
      const headers = signed(line);
      const answer = await ask(producer.httpUrl, "/produce", {
        method: "POST",
        body: line,
        headers,
      });
      expect(answer.status, answer.text).to.equal(200);
    }
  });

  it("are not read of who may not publish them", async () => {
    const token = await tokenOf({ caps: [{ topics: ["room/*"], allow: ["publish"] }] });
    const reader = await tokenOf({ caps: [{ topics: ["room/*"], allow: ["subscribe"] }] });
    const cases: [string, string, string][] = [
      ["/produce/other", token, "403 SHARDCAST_FORBIDDEN"],
      ["/produce", reader, "403 SHARDCAST_FORBIDDEN"],
      ["/produce/%24push", token, "403 SHARDCAST_TOPIC_RESERVED"],
      ["/produce/%00", token, "400 SHARDCAST_TOPIC_INVALID"],
      ["/nowhere", token, "404 SHARDCAST_ENDPOINT_UNKNOWN"],
      ["/metrics", token, "404 SHARDCAST_ENDPOINT_UNKNOWN"],
    ];
    for (const [path, bearer, expected] of cases) {
      // The announced body never arrives.
      const text = await exchange(
        producer.httpUrl,
        `POST ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n` +
          `Content-Length: 1000\r\nAuthorization: Bearer ${bearer}\r\n\r\n`,
      );
      const [head = "", body = ""] = text.split("\r\n\r\n");
      const { code } = JSON.parse(body) as { code: string };
      expect(`${head.slice(9, 12)} ${code}`, path).to.equal(expected);
    }
  });

  it("of one user are no more than its share", async () => {
    const token = await tokenOf({ caps: [{ topics: ["room/*"], allow: ["publish"] }] });
    const bearer = { authorization: `Bearer ${token}` };
    await stall(bearer, LARGE_BYTES - 1);
    await stall(bearer, LARGE_BYTES - 1);
    const body = Buffer.alloc(1000, " ");
    await eventually("the share is spent", async () => {
      const answer = await ask(producer.httpUrl, "/produce", {
        method: "POST",
        body,
        headers: bearer,
      });
      return answer.status === 503 && problemOf(answer) === "503 SHARDCAST_NODE_FULL";
    });
    const headers = signed("signed");
    const other = await ask(producer.httpUrl, "/produce/room%2F1", {
      method: "POST",
      body: "signed",
      headers,
    });
    expect(other.status).to.equal(200);
  });
});
