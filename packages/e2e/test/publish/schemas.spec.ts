// --schemas on real nodes: whatever the way in, a publish that does not match its topic's schema is refused.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { connect, type Client } from "@shardcast/client";
import { ask, jsonOf, problemOf } from "@shardcast/e2e/http-client";
import { TEST_PSK, TestCluster, topicOwnedBy, type NodeProcess } from "@shardcast/e2e/nodes";
import { RawLink } from "@shardcast/e2e/raw-link";
import { V1Socket } from "@shardcast/e2e/v1-socket";
import { eventually } from "@shardcast/faults";
import { SUBPROTOCOLS, ShardcastError, type PublishFrame } from "@shardcast/protocol";
import { expect } from "chai";

const API_KEY = "the-key-of-back-ends";
const MISMATCH = "SHARDCAST_SCHEMA_MISMATCH";
const REASON = "/text must be string";
const GOOD = { text: "hello" };
const BAD = { text: 1 };

async function faultOf(promise: Promise<unknown>): Promise<ShardcastError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof ShardcastError) return error;
  throw new Error(`no code: ${String(error)}`);
}

describe("nodes with --schemas", function () {
  this.timeout(60_000);
  let cluster: TestCluster;
  let consumers: NodeProcess[];
  let producer: NodeProcess;
  let topics: string[];
  let file: string;
  const clients: Client[] = [];

  before(async () => {
    cluster = await TestCluster.plan(2);
    topics = ["c1", "c2"].map((id) => topicOwnedBy(id, cluster.consumers));
    file = join(cluster.dataFolder, "schemas.json");
    const schema = {
      type: "object",
      properties: { text: { type: "string" } },
      required: ["text"],
      additionalProperties: false,
    };
    writeFileSync(file, JSON.stringify([{ topics: "owned-*", schema }]));
    const args = { schemas: file, "api-key": API_KEY, "legacy-protocol": true } as const;
    const memory = { args: { ...args, log: "memory" } };
    consumers = await Promise.all([1, 2].map((number) => cluster.consumer(number, memory)));
    producer = await cluster.producer({ args });
    await eventually("uplinks", async () => (await producer.metric("uplinks_open")) === 2);
  });

  after(async () => {
    for (const client of clients) client.close();
    await cluster.stop();
  });

  async function clientOf(url: string): Promise<Client> {
    const client = await connect({ url, psk: TEST_PSK, route: "single" });
    clients.push(client);
    return client;
  }

  it("store what matches, and refuse the rest with the place of the fault", async () => {
    for (const { url } of consumers) {
      const client = await clientOf(url);
      for (const topic of topics) {
        await client.publish(topic, GOOD);
        const error = await faultOf(client.publish(topic, BAD));
        expect([error.code, error.message, error.retryable]).to.deep.equal([
          MISMATCH,
          REASON,
          false,
        ]);
        expect((await faultOf(client.publish(topic, "hello"))).code).to.equal(MISMATCH);
        expect((await faultOf(client.publish(topic, Buffer.from("{}")))).code).to.equal(MISMATCH);
      }
      await client.publish("free", BAD);
    }
  });

  it("do the same for frames in both codecs, and keep the link", async () => {
    const endpoints = [
      ["connect", consumers[0]],
      ["produce", producer],
    ] as const;
    for (const [endpoint, node] of endpoints) {
      for (const subprotocol of Object.values(SUBPROTOCOLS)) {
        const socket = await V1Socket.openWith(node?.url ?? "", TEST_PSK, {
          endpoint,
          subprotocol,
        });
        const publish = (seq: number, data: object): PublishFrame => ({
          type: "publish",
          seq,
          timeoutMs: 0,
          topic: topics[1] ?? "",
          attributes: { "content-type": "application/json" },
          payload: Buffer.from(JSON.stringify(data)),
        });
        socket.send(publish(1, BAD), publish(2, GOOD));
        expect(await socket.first("reject")).to.deep.include({
          seq: 1,
          code: MISMATCH,
          reason: REASON,
        });
        expect(await socket.first("ack")).to.deep.include({ seq: 2 });
        socket.end();
      }
    }
  });

  it("do the same over HTTP", async () => {
    const path = `/produce/${topics[0] ?? ""}`;
    const headers = { authorization: `Bearer ${API_KEY}`, "content-type": "application/json" };
    const bad = await ask(producer.httpUrl, path, { headers, body: JSON.stringify(BAD) });
    expect(problemOf(bad)).to.equal(`422 ${MISMATCH}`);
    expect(jsonOf(bad)["detail"]).to.equal(REASON);
    const good = await ask(producer.httpUrl, path, { headers, body: JSON.stringify(GOOD) });
    expect(good.status).to.equal(200);
    const attributes = { "content-type": "application/json" };
    const lines = [BAD, GOOD].map((data) =>
      JSON.stringify({ topic: topics[0], attributes, payload: JSON.stringify(data) }),
    );
    const answer = await ask(producer.httpUrl, "/produce", { headers, body: lines.join("\n") });
    const [first, second] = answer.text
      .split("\n")
      .slice(0, 2)
      .map((line) => JSON.parse(line) as object);
    expect(first).to.deep.equal({ topic: topics[0], code: MISMATCH, detail: REASON });
    expect(second).to.have.property("position");
  });

  it("end a link of the original protocol, which has no refusals", async () => {
    const link = await RawLink.openWith(`${producer.url}/produce`, TEST_PSK);
    link.send({ t: "h", o: 1 });
    await eventually("the node's answer", () => link.answers.length > 0);
    link.send({ t: "m", d: JSON.stringify(GOOD), s: topics[0] });
    expect(await link.closed()).to.deep.equal({ code: 1008, reason: MISMATCH });
  });

  it("pass on what another node has accepted without schemas", async () => {
    const open = await cluster.producer();
    const [topic = ""] = topics;
    const client = await connect({
      producers: [open.url],
      consumers: [consumers[0]?.url ?? ""],
      psk: TEST_PSK,
    });
    clients.push(client);
    expect(await client.publish(topic, BAD)).to.have.property("offset");
  });

  it("do not start with a bad file, and say why in one line", async () => {
    const bad = join(cluster.dataFolder, "bad.json");
    writeFileSync(bad, JSON.stringify([{ topics: "a", schema: { type: "objekt" } }]));
    for (const role of ["producer", "consumer"] as const) {
      const node = cluster.spawn(role, { args: { id: "c1", schemas: bad, port: 0 } });
      await node.stop();
      expect(node.exitCode).to.equal(1);
      expect(node.stderr.trim().split("\n").length).to.equal(1);
      expect(node.stderr).to.include("entry 1 (a)").and.include("SHARDCAST_OPTION_INVALID");
    }
  });
});
