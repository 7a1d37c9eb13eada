// The cluster's push subscription delivers users' messages to the back end: in order, signed, and again after failures.
import { expect } from "chai";
import { connect } from "@shardcast/client";
import { eventually } from "@shardcast/faults";
import { TEST_PSK } from "@shardcast/e2e/nodes";
import { upTopic } from "../src/user.ts";
import { apiAuthPost, post } from "./support/signed-post.ts";
import { SwitchboardBench, type SwitchboardProcess } from "./support/switchboard-process.ts";
import { UserSocket } from "./support/user-socket.ts";

describe("what users say", () => {
  let bench: SwitchboardBench;
  let a: SwitchboardProcess;
  let b: SwitchboardProcess;

  before(async function () {
    this.timeout(60_000);
    bench = await SwitchboardBench.start();
    [a, b] = await Promise.all([bench.switchboard(), bench.switchboard()]);
    for (const node of [a, b]) {
      await eventually("the cluster delivers", async () => (await node.metric("push_ready")) === 1);
    }
  });
  after(async function () {
    this.timeout(60_000);
    await bench.stop();
  });
  beforeEach(() => bench.concierge.postbacks.splice(0));

  function numbered(count: number, first = 1): string[] {
    return Array.from({ length: count }, (_, index) => `m${first + index}`);
  }

  /** Returns the texts of all messages that the back end has received, once there are `count`. */
  async function postbacks(count: number): Promise<string[]> {
    const { concierge } = bench;
    await eventually(`${count} postbacks`, () => concierge.postbacks.length >= count);
    return concierge.postbacks.map(({ Body }) => Body);
  }

  it("reaches the back end as the original handed it over", async () => {
    const socket = await UserSocket.open(a.url);
    socket.send({ message: "hi", payload: { k: 1 } });
    socket.send({ message: "ho" });
    expect(await postbacks(2)).to.deep.equal(["hi", "ho"]);
    const [first, second] = bench.concierge.postbacks;
    expect(first).to.deep.equal({ Body: "hi", From: first?.From, Payload: { k: 1 } });
    expect(second).to.deep.equal({ Body: "ho", From: first?.From });
    // The back end answers the user named by From.
    const answer = apiAuthPost({ body: "hello", from: "POSTBACK", to: first?.From });
    expect((await post(b.url, answer)).status).to.equal(204);
    await socket.gets(1);
    expect(socket.bodies).to.deep.equal(["hello"]);
    await socket.close();
  });

  it("comes in order for each user, once, over both switchboards", async () => {
    const sockets = [await UserSocket.open(a.url), await UserSocket.open(b.url)];
    for (const body of numbered(20)) for (const socket of sockets) socket.send({ message: body });
    await postbacks(40);
    const byUser = new Map<string, string[]>();
    for (const { From, Body } of bench.concierge.postbacks) {
      byUser.set(From, [...(byUser.get(From) ?? []), Body]);
    }
    expect([...byUser.values()]).to.deep.equal([numbered(20), numbered(20)]);
    for (const socket of sockets) await socket.close();
  });

  it("waits while the back end is down, and comes in order when it is up", async function () {
    this.timeout(60_000);
    const socket = await UserSocket.open(a.url);
    bench.concierge.isDown = true;
    for (const body of numbered(10)) socket.send({ message: body, id: body });
    await eventually("all are stored", () => {
      return socket.frames.filter(({ type }) => type === "sent").length === 10;
    });
    expect(bench.concierge.postbacks).to.deep.equal([]);
    bench.concierge.isDown = false;
    expect(await postbacks(10)).to.deep.equal(numbered(10));
    await socket.close();
  });

  it("comes behind what is no postback, whoever published it", async () => {
    const socket = await UserSocket.open(b.url);
    socket.send({ message: "first" });
    await postbacks(1);
    const topic = upTopic(bench.concierge.postbacks[0]?.From ?? "");
    const consumers = bench.consumers.map(({ url }) => url);
    const client = await connect({ producers: [bench.producer.url], consumers, psk: TEST_PSK });
    const attributes = { "content-type": "application/json" };
    for (const junk of ["{bad", "null", '{"Body":7,"From":[]}', "[]"]) {
      await client.publish(topic, junk, { attributes });
    }
    client.close();
    socket.send({ message: "last" });
    expect(await postbacks(2)).to.deep.equal(["first", "last"]);
    await socket.close();
  });

  it("goes on when a switchboard that asked for it is gone, and when one asks again", async function () {
    this.timeout(60_000);
    await a.stop("SIGKILL");
    const next = await bench.switchboard();
    await eventually("the cluster delivers", async () => (await next.metric("push_ready")) === 1);
    const socket = await UserSocket.open(next.url);
    for (const body of numbered(5)) socket.send({ message: body });
    expect(await postbacks(5)).to.deep.equal(numbered(5));
    await socket.close();
  });
});
