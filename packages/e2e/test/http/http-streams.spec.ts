// Streams and pages over HTTP, and their limits: readers that do not read, messages that grow as
// JSON, and nodes that stop.
import { once } from "node:events";
import { request, type IncomingMessage } from "node:http";
import { connect } from "@shardcast/client";
import type { Grant } from "@shardcast/protocol";
import { expect } from "chai";
import { eventually } from "@shardcast/faults";
import { EventReader, ask, jsonOf, problemOf } from "@shardcast/e2e/http-client";
import { TEST_PSK, TestCluster, type NodeProcess } from "@shardcast/e2e/nodes";
import { TOKEN_SECRET, tokenOf } from "@shardcast/e2e/tokens";

const API_KEY = "the key of the tests";
const KEY = { authorization: `Bearer ${API_KEY}` };
const MEBIBYTE = 1024 * 1024;

describe("streams and pages over HTTP", function () {
  this.timeout(60_000);
  let cluster: TestCluster;
  let node: NodeProcess;

  beforeEach(async () => {
    const args = { "api-key": API_KEY, "token-secret": TOKEN_SECRET, "drain-timeout": 3000 };
    cluster = await TestCluster.plan(1, { args });
    node = await cluster.consumer(1, { args: { log: "memory" } });
  });
  afterEach(() => cluster.stop());

  function publisher() {
    return connect({ psk: TEST_PSK, url: node.url, route: "single" });
  }

  /** A request whose answer is not read. */
  async function unread(
    path: string,
    headers = {},
    localAddress = "127.0.0.1",
  ): Promise<IncomingMessage> {
    const options = { headers: { ...KEY, ...headers }, agent: false, localAddress };
    const asked = request(node.httpUrl + path, options);
    asked.on("error", () => undefined);
    asked.end();
    const [response] = (await once(asked, "response")) as [IncomingMessage];
    response.on("error", () => undefined);
    response.pause();
    return response;
  }

  it("hold for streams that do not read no more than for links, and go on where they read again", async () => {
    const count = 150;
    const streams = await Promise.all(
      Array.from({ length: count }, () => unread("/subscribe/busy")),
    );
    const client = await publisher();
    await client.publish("busy", "0");
    const before = node.residentKib;
    // Six times larger as JSON.
    const text = "\u0001".repeat(50_000);
    const messages = 240;
    // Many messages arrive in one turn.
    await Promise.all(Array.from({ length: messages }, () => client.publish("busy", text)));
    // Without a limit it would be 150 times 72 MB; the same bytes for several readers are held
    // once.
    expect((node.residentKib - before) / 1024).to.be.lessThan(400);
    expect(await node.metric("subscriptions_lagging")).to.equal(count);
    const [stream] = streams;
    if (stream === undefined) throw new Error("no stream");
    let seen = 0;
    let rest = "";
    stream.setEncoding("utf8").on("data", (chunk: string) => {
      const events = (rest + chunk).split("\n\n");
      rest = events.pop() ?? "";
      seen += events.filter((event) => event.includes("\ndata: ")).length;
    });
    stream.resume();
    await eventually("all that was missed", () => seen > messages);
    for (const one of streams) one.destroy();
    client.close();
  });

  it("end a page at 1 MiB of what it is as JSON, and give one message at the least", async () => {
    const client = await publisher();
    const text = "\u0001".repeat(100_000);
    for (let number = 0; number < 5; number += 1) await client.publish("grown", text);
    await client.publish("grown", "\u0001".repeat(900_000));
    let after = "earliest";
    const counts: number[] = [];
    while (counts.reduce((sum, count) => sum + count, 0) < 6) {
      const path = `/topics/grown/messages?after=${after}&limit=100`;
      const page = await ask(node.httpUrl, path, { headers: KEY });
      const { messages, position } = jsonOf(page) as { messages: unknown[]; position: string };
      if (messages.length > 1) expect(page.text.length).to.be.lessThan(1.1 * MEBIBYTE);
      counts.push(messages.length);
      after = position;
    }
    expect(counts).to.deep.equal([1, 1, 1, 1, 1, 1]);
    client.close();
  });

  it("let one address have so many pages in hand, and drop those that nobody reads", async () => {
    const client = await publisher();
    await client.publish("large", "\u0001".repeat(1_000_000));
    client.close();
    const path = "/topics/large/messages";
    const all = await Promise.all(Array.from({ length: 40 }, () => unread(path)));
    const codes = all.map(({ statusCode }) => statusCode);
    expect(codes.filter((code) => code === 200)).to.have.lengthOf(16);
    expect(codes.filter((code) => code === 503)).to.have.lengthOf(24);
    const other = await unread(path, {}, "127.0.0.2");
    expect(other.statusCode).to.equal(200);
    other.destroy();
    await eventually("those that nobody reads are dropped", async () => {
      return (await ask(node.httpUrl, path, { headers: KEY })).status === 200;
    });
    for (const response of all) response.destroy();
  });

  it("name no topic in a list that the caller may not know, and go on from page to page", async () => {
    const client = await publisher();
    const names = Array.from({ length: 30 }, (_, number) => {
      return number % 3 === 0 ? `open/${100 + number}` : `secret/${100 + number}`;
    });
    for (const name of names) await client.publish(name, "x");
    client.close();
    const allow: Grant["allow"] = ["subscribe"];
    const headers = {
      authorization: `Bearer ${await tokenOf({ caps: [{ topics: ["open/*"], allow }] })}`,
    };
    const found: string[] = [];
    let after = "";
    do {
      const path = `/topics?limit=3&after=${encodeURIComponent(after)}`;
      const answer = await ask(node.httpUrl, path, { headers });
      expect(answer.text).to.not.include("secret");
      const page = jsonOf(answer) as { topics: string[]; next: string };
      found.push(...page.topics);
      after = page.next;
      if (after !== "") expect(after).to.match(/^\$cursor\//);
    } while (after !== "");
    expect(found).to.deep.equal(names.filter((name) => name.startsWith("open/")).sort());
    for (const forged of ["$cursor/", "$cursor/x.AAAA", `$cursor/${"A".repeat(5000)}`]) {
      const path = `/topics?after=${encodeURIComponent(forged)}`;
      expect(problemOf(await ask(node.httpUrl, path, { headers: KEY }))).to.equal(
        "400 SHARDCAST_REQUEST_INVALID",
      );
    }
  });

  it("have an EventSource try again where the node cannot serve it now", async () => {
    const reader = await EventReader.open(node.httpUrl, "/subscribe/news", KEY);
    const raw = await unread("/subscribe/news", { accept: "text/event-stream" });
    raw.setEncoding("utf8");
    const [first] = (await once(raw.resume(), "data")) as [string];
    expect(first).to.match(/^retry: [123][0-9]{3}\nid: /);
    const stopped = node.stop("SIGTERM");
    const answer = await eventually("it takes no streams", async () => {
      const headers = { ...KEY, accept: "text/event-stream" };
      const one = await Promise.race([
        ask(node.httpUrl, "/subscribe/news", { headers }),
        new Promise<undefined>((resolve) => setTimeout(resolve, 200)),
      ]);
      return one;
    });
    expect(answer.status).to.equal(200);
    expect(answer.headers["content-type"]).to.match(/^text\/event-stream/);
    expect(answer.text).to.match(
      /^retry: [123][0-9]{3}\nevent: end\ndata: {"code":"SHARDCAST_NODE_DRAINING"}\n\n$/,
    );
    // A request that does not ask for a stream gets the usual error.
    const other = await ask(node.httpUrl, "/subscribe/news", { headers: KEY });
    expect(problemOf(other)).to.equal("503 SHARDCAST_NODE_DRAINING");
    reader.close();
    raw.destroy();
    await stopped;
  });
});
