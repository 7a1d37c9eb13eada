// HTTP clients that do not read their answers, with real nodes and sockets: the memory that a node
// uses for them is bounded.
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { expect } from "chai";
import { eventually } from "@shardcast/faults";
import { ask } from "@shardcast/e2e/http-client";
import { TestCluster, type NodeProcess } from "@shardcast/e2e/nodes";

const API_KEY = "key-of-the-tests";
const MEBIBYTE = 1024 * 1024;
const TOPICS = 1000;
/** Sent in one packet; the answers are larger than the kernels' buffers. */
const REQUESTS = 60;
const REQUEST = `GET /topics?limit=${TOPICS} HTTP/1.1\r\nHost: x\r\n\r\n`;
const LIMIT = 2 * MEBIBYTE;

describe("HTTP answers that nobody reads", () => {
  let cluster: TestCluster;
  let bounded: NodeProcess;
  let patient: NodeProcess;
  let producer: NodeProcess;
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
    producer = await cluster.producer();
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

  /** Sends many requests, and reads no answers. */
  async function askOnly(node: NodeProcess, bytes = REQUEST.repeat(REQUESTS)): Promise<Socket> {
    const { hostname, port } = new URL(node.httpUrl);
    const socket = connect(Number(port), hostname);
    sockets.push(socket);
    socket.on("error", () => undefined).pause();
    await once(socket, "connect");
    socket.write(bytes);
    return socket;
  }

  /** Reads everything from now on. */
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

  /** The number of messages stored by all consumers since they started. */
  async function storedCount(): Promise<number> {
    const counts = await Promise.all(
      [bounded, patient].map((node) => node.metric("messages_stored_total")),
    );
    return counts.reduce((sum, count) => sum + count, 0);
  }

  /** The number when it no longer changes. */
  async function settledCount(): Promise<number> {
    let [last, looks] = [-1, 0];
    await eventually("it is at rest", async () => {
      const count = await storedCount();
      looks = count === last ? looks + 1 : 0;
      last = count;
      return looks === 20;
    });
    return last;
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
    // The node ends the connections once they hold more than their share; each had several MiB in
    // transit.
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

  describe("of lines that are published", () => {
    const LINES = 10_000;
    // In an answer, too, each quote takes two bytes.
    const line = JSON.stringify({ topic: `rest/${'"'.repeat(240)}`, payload: "x" });
    const body = `${line}\n`.repeat(LINES);
    const publish =
      `POST /produce HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${API_KEY}\r\n` +
      `Content-Length: ${body.length}\r\n\r\n${body}`;

    it("hold up the lines that follow, until somebody reads them", async function () {
      this.timeout(60_000);
      const before = await settledCount();
      const socket = await askOnly(producer, publish.repeat(2));
      await eventually("they are taken", async () => (await storedCount()) > before);
      expect((await settledCount()) - before).to.be.lessThan(2 * LINES);
      let text = "";
      socket.setEncoding("latin1").on("data", (chunk: string) => (text += chunk));
      socket.resume();
      await eventually("all are stored", async () => (await storedCount()) === before + 2 * LINES);
      await eventually("all are answered", () => text.split('"position":').length > 2 * LINES);
      const offsets = [...text.matchAll(/"position":"[0-9a-f]+_(\d+)"/g)].map(([, one]) =>
        Number(one),
      );
      // The lines of each half must be in order.
      for (const half of [offsets.slice(0, LINES), offsets.slice(LINES)]) {
        expect(half).to.deep.equal(half.toSorted((one, other) => one - other));
      }
      expect(new Set(offsets).size).to.equal(2 * LINES);
    });

    it("leave no line out where nobody reads them ever", async function () {
      this.timeout(60_000);
      const before = await settledCount();
      const socket = await askOnly(producer, publish.repeat(2));
      await eventually("they are taken", async () => (await storedCount()) > before);
      await settledCount();
      socket.resetAndDestroy();
      await eventually("all are stored", async () => (await storedCount()) === before + 2 * LINES);
      await eventually("no body is held", async () => {
        return (await producer.metric("request_bodies_held_bytes")) === 0;
      });
      expect(producer.stderr).to.equal("");
      expect(producer.stdout).not.to.match(/"level":[56]0/);
    });
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
