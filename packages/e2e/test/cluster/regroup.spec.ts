// Consumers that join and leave while clients publish and subscribe: the ring follows a file.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { connect, type Client, type ConnectOptions, type Message } from "@shardcast/client";
import type { Frame } from "@shardcast/protocol";
import { expect } from "chai";
import { eventually } from "@shardcast/faults";
import { TEST_PSK, TestCluster, topicOwnedBy, type NodeProcess } from "@shardcast/e2e/nodes";
import { Recorder } from "@shardcast/e2e/recorder";
import { V1Socket } from "@shardcast/e2e/v1-socket";

describe("a ring that changes", () => {
  let cluster: TestCluster;
  let file: string;
  let list: readonly string[];
  let nodes: NodeProcess[];
  let clients: Client[];

  beforeEach(async () => {
    cluster = await TestCluster.plan(2);
    list = cluster.consumers.split(",");
    file = join(cluster.dataFolder, "consumers");
    clients = [];
    writeConsumers(1);
    cluster.consumers = `file:${file}`;
    nodes = [await cluster.consumer(1), await cluster.consumer(2), await cluster.producer()];
  });

  afterEach(async () => {
    for (const client of clients) client.close();
    await cluster.stop();
  });

  function writeConsumers(count: number): void {
    writeFileSync(file, list.slice(0, count).join("\n"));
  }

  async function regroup(count: number): Promise<void> {
    writeConsumers(count);
    await eventually(`${count} consumers everywhere`, async () => {
      const counts = await Promise.all(nodes.map(countConsumers));
      return counts.every((known) => known === count);
    });
  }

  async function clientOf(options: Partial<ConnectOptions>): Promise<Client> {
    const client = await connect({ psk: TEST_PSK, ...options });
    clients.push(client);
    return client;
  }

  function viaLists(): Promise<Client> {
    const [first, second, producer] = nodes.map(({ url }) => url);
    return clientOf({ producers: [producer ?? ""], consumers: [first ?? "", second ?? ""] });
  }

  for (const [way, client] of [
    ["through a producer, and any consumer", viaLists],
    ["straight to the owner", () => clientOf({ url: nodes[0]?.url ?? "" })],
  ] as const) {
    it(`moves topics of clients that go ${way}`, async function () {
      this.timeout(60_000);
      const [publisher, subscriber] = [await client(), await client()];
      const moving = topicOwnedBy("c2", list.join(","));
      const staying = topicOwnedBy("c1", list.join(","));
      const recorders = {
        moving: await Recorder.follow(subscriber, moving, "earliest"),
        staying: await Recorder.follow(subscriber, staying, "earliest"),
      };
      let number = 0;
      const acked: Promise<unknown>[] = [];
      const timer = setInterval(() => {
        acked.push(publisher.publish(moving, String(number)));
        acked.push(publisher.publish(staying, String(number)));
        number += 1;
      }, 2);
      await recorders.moving.count(50);
      await regroup(2);
      await recorders.moving.count(recorders.moving.messages.length + 50);
      await regroup(1);
      await recorders.moving.count(recorders.moving.messages.length + 50);
      clearInterval(timer);
      await Promise.all(acked);
      await recorders.staying.count(number);
      // Topics that do not move are not affected.
      expect(recorders.staying.texts).to.deep.equal(
        Array.from({ length: number }, (_, of) => `${of}`),
      );
      expect(recorders.staying.gaps).to.deep.equal([]);
      // A topic that moves starts a new epoch on its new owner, continues its old one when it
      // returns, and reports both changes.
      expect(recorders.moving.gaps.map(({ isNewEpoch }) => isNewEpoch)).to.deep.equal([true, true]);
      const runs = runsOf(recorders.moving.messages);
      expect(runs).to.have.length(3);
      expect(runs[2]?.epoch).to.equal(runs[0]?.epoch);
      for (const { numbers } of runs) {
        expect(numbers).to.deep.equal([...new Set(numbers)].sort((a, b) => a - b));
      }
      await eventually("the last one", () => recorders.moving.texts.at(-1) === `${number - 1}`);
    });
  }

  it("takes nothing behind a refusal before what was refused comes again", async () => {
    const link = await V1Socket.openWith(nodes[1]?.url ?? "", TEST_PSK, { endpoint: "producer" });
    const moving = topicOwnedBy("c2", list.join(","));
    const publish = (seq: number): void => {
      const payload = Buffer.from(`${seq}`);
      link.send({
        type: "publish",
        seq,
        timeoutMs: 0,
        topic: moving,
        messageId: `${seq}`,
        payload,
      });
    };
    const all = (type: "ack" | "reject"): Frame[] => link.frames.filter((one) => one.type === type);
    publish(1);
    expect((await link.first("reject")).code).to.equal("SHARDCAST_NOT_OWNER");
    await link.first("heartbeat");
    await regroup(2);
    // As if it had been in transit when the first was refused.
    publish(2);
    await eventually("the second is refused as well", () => all("reject").length === 2);
    // One heartbeat follows each refusal.
    link.send(...link.frames.filter(({ type }) => type === "heartbeat"));
    publish(1);
    publish(2);
    await eventually("both are stored", () => all("ack").length === 2);
    expect(
      all("ack").map((ack) => (ack.type === "ack" ? ack.position.offset : undefined)),
    ).to.deep.equal([1, 2]);
    expect(all("reject")).to.have.length(2);
    link.end();
  });

  it("tells its clients, who publish to the new owner without a detour", async () => {
    const client = await clientOf({ url: nodes[0]?.url ?? "" });
    const topic = topicOwnedBy("c2", list.join(","));
    await client.publish(topic, "before");
    await regroup(2);
    await eventually("a link to c2", async () => {
      await client.publish(topic, "after");
      return client.nodes().some(({ node }) => node === "c2");
    });
    expect(await nodes[0]?.metric("messages_stored_total")).to.equal(1);
  });
});

/** Runs of consecutive messages of one epoch. */
function runsOf(messages: readonly Message[]): { epoch: string; numbers: number[] }[] {
  const runs: { epoch: string; numbers: number[] }[] = [];
  for (const message of messages) {
    const last = runs.at(-1);
    const number = Number(message.text());
    if (last?.epoch === message.epoch) last.numbers.push(number);
    else runs.push({ epoch: message.epoch, numbers: [number] });
  }
  return runs;
}

async function countConsumers(node: NodeProcess): Promise<number> {
  const answer = (await (await fetch(`${node.httpUrl}/cluster`)).json()) as {
    consumers: unknown[];
  };
  return answer.consumers.length;
}
