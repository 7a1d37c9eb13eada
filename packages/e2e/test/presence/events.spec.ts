// The events of links and topics that nodes publish on $events/…, and who may follow them.
import { connect, type Client } from "@shardcast/client";
import { expect } from "chai";
import { eventually } from "@shardcast/faults";
import { TEST_PSK, TestCluster, topicOwnedBy, type NodeProcess } from "@shardcast/e2e/nodes";
import { Recorder } from "@shardcast/e2e/recorder";
import { tokenOf, TOKEN_SECRET } from "@shardcast/e2e/tokens";
import { V1Socket } from "@shardcast/e2e/v1-socket";

type Event = Readonly<Record<string, string>>;

describe("events of links and topics", () => {
  let cluster: TestCluster;
  let nodes: readonly [NodeProcess, NodeProcess];
  let producer: NodeProcess;
  let watcher: Client;

  before(async function () {
    this.timeout(60_000);
    const args = { "token-secret": TOKEN_SECRET, events: "links,subscriptions,occupancy" };
    cluster = await TestCluster.plan(2, { args });
    const log = { args: { log: "memory" } };
    nodes = [await cluster.consumer(1, log), await cluster.consumer(2, log)];
    producer = await cluster.producer({ args: { id: "p1" } });
    watcher = await connect({ url: nodes[0].url, psk: TEST_PSK });
  });

  after(async () => {
    watcher.close();
    await cluster.stop();
  });

  /** Follows an events topic from its beginning. */
  async function eventsOf(topic: string): Promise<() => Event[]> {
    const recorder = await Recorder.follow(watcher, topic, "earliest");
    return () => recorder.texts.map((text) => JSON.parse(text) as Event);
  }

  const seen = (events: () => Event[], event: string, fields: Event = {}): Promise<Event> =>
    eventually(event, () =>
      events().find(
        (one) =>
          one["event"] === event &&
          Object.entries(fields).every(([name, value]) => one[name] === value),
      ),
    );

  it("tell of each link, by node, with the user whom its token names", async () => {
    const events = await eventsOf("$events/links/p1");
    await seen(events, "started", { node: "p1" });
    const socket = await V1Socket.open(producer.url, { endpoint: "produce" });
    socket.send({ type: "token", token: await tokenOf({ sub: "ann" }) });
    const { linkId } = await socket.first("welcome");
    await seen(events, "connected", { link: linkId, user: "ann", endpoint: "produce" });
    socket.end();
    await seen(events, "disconnected", { link: linkId, user: "ann" });
    await eventually("they are counted", async () => {
      const [told, accepted] = await Promise.all([
        producer.metric("events_told_total"),
        producer.metric("tokens_accepted_total"),
      ]);
      return told === 3 && accepted === 1;
    });
  });

  it("tell who follows a topic, and whether anyone does, wherever they are connected", async () => {
    const topic = topicOwnedBy("c1", cluster.consumers);
    const events = await eventsOf(`$events/topics/${topic}`);
    const caps = [{ topics: ["*"], allow: ["subscribe"] as const }];
    const token = await tokenOf({ sub: "bob", caps });
    // On the node that does not own the topic.
    const away = await V1Socket.open(nodes[1].url, { endpoint: "subscribe" });
    away.send({ type: "token", token });
    await away.first("welcome");
    away.send({ type: "subscribe", sub: 1, topic, from: { type: "live" } });
    await seen(events, "subscribed", { user: "bob", node: "c2", topic });
    await seen(events, "occupied", { node: "c1" });
    const here = await V1Socket.open(nodes[0].url, { endpoint: "subscribe" });
    here.send({ type: "token", token });
    await here.first("welcome");
    here.send({ type: "subscribe", sub: 1, topic, from: { type: "live" } });
    await seen(events, "subscribed", { node: "c1" });
    here.send({ type: "unsubscribe", sub: 1 });
    await seen(events, "unsubscribed", { user: "bob", node: "c1" });
    away.end();
    await seen(events, "unsubscribed", { node: "c2" });
    await seen(events, "vacated", { node: "c1" });
    expect(events().filter(({ event }) => event === "occupied")).to.have.length(1);
    expect(events().filter(({ event }) => event === "vacated")).to.have.length(1);
  });

  it("are for those who may follow $events topics by name, and published by nobody else", async () => {
    const url = nodes[0].url;
    const all = { topics: ["*"], allow: ["publish", "subscribe", "history"] as const };
    const some = { topics: ["$events/*"], allow: ["publish", "subscribe", "history"] as const };
    const nobody = await connect({ url, token: await tokenOf({ caps: [all] }) });
    const subscription = nobody.subscribe("$events/links/c1");
    const refusal = await subscription.ready.then(
      () => "",
      (error: unknown) => (error as { code: string }).code,
    );
    expect(refusal).to.equal("SHARDCAST_FORBIDDEN");
    nobody.close();
    for (const access of [
      { type: "token", token: await tokenOf({ caps: [some] }) } as const,
      "psk",
    ]) {
      const socket = await V1Socket.open(url, { endpoint: "connect" });
      socket.send(access === "psk" ? await socket.proof(TEST_PSK) : (access as never));
      await socket.first("welcome");
      const topic = "$events/links/c1";
      socket.send({ type: "subscribe", sub: 1, topic, from: { type: "live" } });
      await socket.first("subscribed");
      const payload = new Uint8Array(0);
      socket.send({ type: "publish", seq: 1, timeoutMs: 0, topic, payload });
      expect(await socket.first("reject")).to.deep.include({ code: "SHARDCAST_TOPIC_RESERVED" });
      socket.end();
    }
  });
});
