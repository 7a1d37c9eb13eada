// Clients that ask over HTTP and do not read, with real nodes and sockets: what a node holds for them is bounded.
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { expect } from "chai";
import { eventually } from "./support/eventually.ts";
import { ask } from "./support/http-client.ts";
import { TestCluster, type NodeProcess } from "./support/nodes.ts";

const API_KEY = "key-of-the-tests";
const MEBIBYTE = 1024 * 1024;
const TOPICS = 1000;
/** In one packet; the answers are more than the kernels take. */
const REQUESTS = 60;
const REQUEST = `GET /topics?limit=${TOPICS} HTTP/1.1\r\nHost: x\r\n\r\n`;
const LIMIT = 2 * MEBIBYTE;

describe("HTTP answers that nobody reads", () => {
  let cluster: TestCluster;
  let bounded: NodeProcess;
  let patient: NodeProcess;
  const sockets: Socket[] = [];

  before(async function () {
    this.timeout(60_000);
    const args = { "api-key": API_KEY, anonymous: "subscribe:*" };
    cluster = await TestCluster.plan(2, { args });
    const limits = { "max-answer-bytes": 2 * LIMIT, "max-answer-bytes-each": LIMIT };
    [bounded, patient] = await Promise.all([
      cluster.consumer(1, { args: { log: "memory", ...limits } }),
      cluster.consumer(2, { args: { log: "memory", "heartbeat-interval": 500 } }),
    ]);
    const producer = await cluster.producer();
    await eventually("the producer has its uplinks", async () => {
      return (await producer.metric("uplinks_open")) === 2;
    });
    const lines = Array.from({ length: 2 * TOPICS }, (_, number) =>
      JSON.stringify({ topic: `${number}-${"long".repeat(60)}`, payload: "x" }),
    );
    const headers = { authorization: `Bearer ${API_KEY}` };
    const answer = await ask(producer.httpUrl, "/produce", { body: lines.join("\n"), headers });
    expect(answer.text).not.to.include("SHARDCAST_");
  });

  afterEach(() => {
    for (const socket of sockets.splice(0)) socket.destroy();
  });
  after(() => cluster.stop());

  /** Asks for many answers, and reads none of them. */
  async function askOnly(node: NodeProcess): Promise<Socket> {
    const { hostname, port } = new URL(node.httpUrl);
    const socket = connect(Number(port), hostname);
    sockets.push(socket);
    socket.on("error", () => undefined).pause();
    await once(socket, "connect");
    socket.write(REQUEST.repeat(REQUESTS));
    return socket;
  }

  /** From now on. */
  function readAll(socket: Socket): { readonly answerCount: number } {
    let text = "";
    socket.setEncoding("latin1").on("data", (chunk: string) => (text += chunk));
    socket.resume();
    return {
      get answerCount() {
        return text.split('"next":').length - 1;
      },
    };
  }

  function openFiles(node: NodeProcess): number {
    return readdirSync(`/proc/${node.pid}/fd`).length;
  }

  it("are no more than their share, and cost those connections alone", async () => {
    const before = openFiles(bounded);
    for (let count = 0; count < 20; count += 1) {
      await askOnly(bounded);
      expect(await bounded.metric("http_unsent_bytes")).to.be.at.most(LIMIT);
      const { status, text } = await ask(bounded.httpUrl, `/topics?limit=${TOPICS}`);
      expect([status, text.length > 100_000]).to.deep.equal([200, true]);
    }
    // What is left of them is no more than the share; each had some MiB on its way.
    await eventually("they are ended", () => openFiles(bounded) <= before + 2);
  });

  it("end with their connection when nothing of them is taken for ten heartbeats", async () => {
    const socket = await askOnly(patient);
    await eventually("they wait", async () => {
      return (await patient.metric("http_unsent_bytes")) > MEBIBYTE;
    });
    await eventually("they are gone", async () => {
      return (await patient.metric("http_unsent_bytes")) < MEBIBYTE;
    });
    const read = readAll(socket);
    await eventually("it is ended", () => socket.closed);
    expect(read.answerCount).to.be.lessThan(REQUESTS);
  });

  it("are all there for one that begins to read late", async () => {
    const socket = await askOnly(patient);
    await eventually("they wait", async () => {
      return (await patient.metric("http_unsent_bytes")) > MEBIBYTE;
    });
    const read = readAll(socket);
    await eventually("all answers", () => read.answerCount === REQUESTS);
    await eventually("nothing waits", async () => {
      return (await patient.metric("http_unsent_bytes")) < MEBIBYTE;
    });
  });
});
