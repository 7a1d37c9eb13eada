// Each node by itself, as deployed: its options, its HTTP routes, its start and its shutdown.
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect as connectSocket, createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "@shardcast/client";
import { Ring } from "@shardcast/protocol";
import { expect } from "chai";
import { eventually } from "@shardcast/faults";
import { TEST_PSK, TestCluster, type NodeRole, type StartOptions } from "@shardcast/e2e/nodes";
import { V1Socket } from "@shardcast/e2e/v1-socket";

/** A key in a file, different from the usual one in the environment. */
const FILE_PSK = "the key in a file of the tests";

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

async function get(url: string): Promise<Answer> {
  const response = await fetch(url);
  return { status: response.status, body: await response.json() };
}

describe("a node by itself", () => {
  let cluster: TestCluster;
  let folder: string;

  before(async () => {
    cluster = await TestCluster.plan(2);
    folder = mkdtempSync(join(tmpdir(), "shardcast-nodes-"));
  });

  after(async () => {
    await cluster.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  /** The node prints one line on stderr, never listens, and exits with code 1. */
  async function refusal(role: NodeRole, options: StartOptions): Promise<string> {
    const node = cluster.spawn(role, options);
    await node.stop();
    expect(node.exitCode).to.equal(1);
    expect(node.stdout).to.equal("");
    expect(node.stderr).to.match(/^[^\n]+\n$/);
    return node.stderr.trim();
  }

  for (const role of ["producer", "consumer"] as const) {
    const own = role === "consumer" ? { id: "c1" } : {};
    const endpoint = role === "consumer" ? "connect" : "produce";

    describe(role, () => {
      it("picks a port where it is given 0, and tells which", async () => {
        const node = await cluster.start(role, { args: { ...own, port: 0 } });
        expect(Number(new URL(node.url).port)).to.be.greaterThan(0);
        expect(await get(`${node.httpUrl}/healthz`)).to.deep.equal({
          status: 200,
          body: { status: "ok" },
        });
        await node.stop("SIGTERM");
        expect(node.exitCode).to.equal(0);
      });

      it("ends with 0 on SIGINT as well", async () => {
        const node = await cluster.start(role, { args: { ...own, port: 0 } });
        await node.stop("SIGINT");
        expect(node.exitCode).to.equal(0);
      });

      it("takes options from the environment, and the originals' names", async () => {
        const node = await cluster.start(role, {
          args: own,
          env: { PORT: "0", TIMEOUT: "250", SHARDCAST_MAX_TOPICS: "17" },
        });
        const silent = await V1Socket.open(node.url, { endpoint });
        // This node has the default timeout of 3 s, so its link outlives the other one.
        const patient = await cluster.start(role, { args: { ...own, port: 0 } });
        const other = await V1Socket.open(patient.url, { endpoint });
        expect(await silent.closed()).to.equal("4005 SHARDCAST_HANDSHAKE_TIMEOUT");
        expect(other.isOpen).to.equal(true);
        const link = await V1Socket.openWith(node.url, TEST_PSK, { endpoint });
        expect((await link.first("welcome")).maxTopics).to.equal(17);
      });

      it("takes options from a file, an argument more than the environment, and that more than the file", async () => {
        const config = join(folder, `${role}.json`);
        writeFileSync(
          config,
          JSON.stringify({ port: 0, "max-payload": 5, "max-topics": 7, window: 9 }),
        );
        const node = await cluster.start(role, {
          args: { ...own, config, "max-payload": 6 },
          env: { SHARDCAST_MAX_PAYLOAD: "4", SHARDCAST_MAX_TOPICS: "8" },
        });
        const link = await V1Socket.openWith(node.url, TEST_PSK, { endpoint });
        const welcome = await link.first("welcome");
        expect(welcome).to.include({ maxPayloadBytes: 6, maxTopics: 8, windowMessages: 9 });
      });

      it("answers pings, all of a moment once", async () => {
        const node = await cluster.start(role, { args: { ...own, port: 0 } });
        const link = await V1Socket.openWith(node.url, TEST_PSK, { endpoint });
        await link.first("welcome");
        link.send(...Array.from({ length: 1000 }, () => ({ type: "ping" }) as const));
        await link.first("pong");
        link.send({ type: "ping" });
        await eventually("the second answer", () => {
          return link.frames.filter(({ type }) => type === "pong").length === 2;
        });
        link.end();
        await node.stop("SIGTERM");
      });

      it("starts with every number of its options at either end of what may be", async () => {
        const most = { "handshake-timeout": 86_400_000, "heartbeat-interval": 86_400_000 };
        const least = { "max-payload": 1, "max-links": 1, "high-water": 1024, window: 1 };
        const node = await cluster.start(role, { args: { ...own, port: 0, ...most, ...least } });
        const link = await V1Socket.openWith(node.url, TEST_PSK, { endpoint });
        expect(await link.first("welcome")).to.include({
          maxPayloadBytes: 1,
          windowMessages: 1,
          heartbeatMs: 86_400_000,
        });
        link.end();
      });

      it("does not start without a key", async () => {
        const none = await refusal(role, { args: { ...own, port: 0 }, env: { PSK: "" } });
        expect(none).to.include("SHARDCAST_KEY_MISSING");
      });

      it("takes a key that is named on the command line, whatever the environment has", async () => {
        const file = join(folder, `${role}-key`);
        writeFileSync(file, `\ufeff${FILE_PSK}\r\n`);
        const env = { PSK: TEST_PSK, SHARDCAST_TOKEN_SECRET: "x".repeat(32) };
        const node = await cluster.start(role, {
          args: { ...own, port: 0, "psk-file": file },
          env,
        });
        const link = await V1Socket.openWith(node.url, FILE_PSK, { endpoint });
        expect(await link.first("welcome")).to.include({ type: "welcome" });
        link.end();
        await node.stop("SIGTERM");
      });

      it("listens on the loopback address alone where no host is named", async () => {
        const node = await cluster.start(role, { args: { ...own, port: 0 } });
        const { hostname, port } = new URL(node.url);
        expect(hostname).to.equal("127.0.0.1");
        const other = connectSocket({ host: "127.0.0.2", port: Number(port) });
        const [error] = (await once(other, "error")) as [{ code: string }];
        expect(error.code).to.equal("ECONNREFUSED");
        await node.stop("SIGTERM");
      });

      it("does not start with an option that cannot be used, from the command line or the environment", async () => {
        const args = { ...own, port: 0 };
        for (const [options, fault] of [
          [{ args: { ...args, window: 0 } }, "--window must be"],
          [{ args, env: { SHARDCAST_WINDOW: "0x10" } }, "--window (SHARDCAST_WINDOW) must be"],
        ] as const) {
          const line = await refusal(role, options);
          expect(line).to.match(/^shardcast-\w+: .+ \(SHARDCAST_OPTION_INVALID\)$/);
          expect(line).to.include(`${fault} a whole number from 1 to 65536`);
        }
      });

      it("does not start on a taken port", async () => {
        const server = createServer().listen(0, "127.0.0.1");
        await eventually("a port", () => server.listening);
        const { port } = server.address() as AddressInfo;
        const line = await refusal(role, { args: { ...own, port } });
        expect(line).to.include(String(port)).and.include("SHARDCAST_PORT_TAKEN");
        server.close();
      });

      it("shows the ring, metrics, and a code where there is no such path", async () => {
        const node = await cluster.start(role, { args: { ...own, port: 0 } });
        const { body } = await get(`${node.httpUrl}/cluster`);
        expect(body).to.have.property("shards", 1024);
        const { consumers } = body as { consumers: { id: string; url: string }[] };
        expect(consumers.map(({ id, url }) => `${id}=${url}`).join(",")).to.equal(
          cluster.consumers,
        );
        expect(await node.metric("links")).to.be.a("number");
        const metrics = await (await fetch(`${node.httpUrl}/metrics`)).text();
        for (const line of metrics.split(/\n+/).filter((text) => text !== "")) {
          expect(line).to.match(/^(?:# (?:HELP|TYPE) \w+ .+|\w+\{.*\} \S+)$/);
        }
        const missing = await get(`${node.httpUrl}/nowhere`);
        expect(missing.status).to.equal(404);
        expect(missing.body).to.have.property("code", "SHARDCAST_ENDPOINT_UNKNOWN");
      });
    });
  }

  it("a consumer that is not in the list does not start", async () => {
    const line = await refusal("consumer", { args: { id: "c9", port: 0 } });
    expect(line).to.include("c9").and.include("SHARDCAST_OPTION_INVALID");
  });

  it("a producer starts without its consumers, and is ready when they are there", async () => {
    const late = await TestCluster.plan(2);
    try {
      const producer = await late.producer();
      const waiting = await get(`${producer.httpUrl}/readyz`);
      expect(waiting.status).to.equal(503);
      expect(waiting.body).to.have.property("waitingFor").with.length(2);
      // The response must not reveal the addresses of other nodes.
      expect(JSON.stringify(waiting.body)).not.to.match(/127\.0\.0\.1|localhost/);
      expect(producer.stdout).to.include('"msg":"listening"').and.not.include('"msg":"ready"');
      const client = await connect({ psk: TEST_PSK, producers: [producer.url] });
      const ack = client.publish("early", "published before there was an owner");
      await late.consumer(1);
      await late.consumer(2);
      await eventually("readiness", async () => {
        return (await get(`${producer.httpUrl}/readyz`)).status === 200;
      });
      expect((await ack).offset).to.equal(1);
      await eventually("it says so", () => producer.stdout.includes('"msg":"ready"'));
      client.close();
    } finally {
      await late.stop();
    }
  });

  it("tells which of the consumers it is where they are found by a host name", async () => {
    const own = await TestCluster.plan(1);
    try {
      const { port } = new URL(own.consumers.replace("c1=", ""));
      const args = { consumers: `dns://localhost:${port}` };
      const consumer = await own.consumer(1, { args });
      const producer = await own.producer({ args });
      const nodeIds = await Promise.all(
        [consumer, producer].map(async ({ httpUrl }) => {
          const { body } = await get(`${httpUrl}/cluster`);
          const { node, consumers } = body as {
            node: { id: string };
            consumers: { id: string }[];
          };
          expect(consumers.map(({ id }) => id)).to.include(`127.0.0.1:${port}`);
          return consumers.some(({ id }) => id === node.id) ? "listed" : node.id;
        }),
      );
      expect(nodeIds).to.deep.equal(["listed", "producer"]);
    } finally {
      await own.stop();
    }
  });

  it("a producer may be called like a consumer, and passes on to it what it owns", async () => {
    const own = await TestCluster.plan(1);
    try {
      await own.consumer(1);
      const producer = await own.start("producer", { args: { id: "c1", port: 0 } });
      const client = await connect({ psk: TEST_PSK, producers: [producer.url] });
      expect((await client.publish("news", "x")).offset).to.equal(1);
      client.close();
    } finally {
      await own.stop();
    }
  });

  it("gives each topic to the consumer that the ring says", async () => {
    const own = await TestCluster.plan(2);
    try {
      const nodes = await Promise.all([own.consumer(1), own.consumer(2)]);
      const producer = await own.producer();
      const { body } = await get(`${producer.httpUrl}/cluster`);
      const ring = new Ring((body as { consumers: { id: string; url: string }[] }).consumers);
      const client = await connect({ psk: TEST_PSK, producers: [producer.url] });
      const topics = Array.from({ length: 50 }, (_, index) => `topic ${index}`);
      await Promise.all(topics.map((topic) => client.publish(topic, "x")));
      for (const [index, node] of nodes.entries()) {
        const owned = topics.filter((topic) => ring.ownerOf(topic).id === `c${index + 1}`);
        expect(await node.metric("messages_stored_total")).to.equal(owned.length);
      }
      client.close();
    } finally {
      await own.stop();
    }
  });
});
