// Publishes that a node cannot forward yet: when a client repeats a refused publish, no later
// publish of that client to the topic has been stored before it.
import { expect } from "chai";
import type { Frame } from "@shardcast/protocol";
import { connect } from "@shardcast/client";
import { eventually } from "@shardcast/faults";
import { TEST_PSK, TestCluster, topicOwnedBy } from "@shardcast/e2e/nodes";
import { Recorder } from "@shardcast/e2e/recorder";
import { V1Socket } from "@shardcast/e2e/v1-socket";

const LONG_MS = 60_000;

describe("publishes that wait for an owner that is out of reach", () => {
  let cluster: TestCluster;

  beforeEach(async () => {
    cluster = await TestCluster.plan(1);
  });
  afterEach(() => cluster.stop());

  it("are refused where one before them was, and stored in order when they come again", async () => {
    const producer = await cluster.producer({ args: { "publish-timeout": 300 } });
    const link = await V1Socket.openWith(producer.url, TEST_PSK, { endpoint: "produce" });
    const topic = topicOwnedBy("c1", cluster.consumers);
    const publish = (seq: number, timeoutMs: number, name = topic): Frame => {
      const payload = Buffer.from(`${seq}`);
      return { type: "publish", seq, timeoutMs, topic: name, messageId: `${seq}`, payload };
    };
    const answered = (type: Frame["type"]): number[] =>
      link.frames.flatMap((frame) => (frame.type === type && "seq" in frame ? [frame.seq] : []));
    link.send(publish(1, LONG_MS));
    link.send(publish(2, 0));
    link.send(publish(3, LONG_MS));
    link.send(publish(4, LONG_MS, `${topic}/other`));
    await eventually("both are refused", () => answered("reject").length === 2);
    expect(answered("reject")).to.deep.equal([2, 3]);
    // Until the client confirms the refusal, all its publishes to the topic are refused.
    link.send(publish(5, LONG_MS));
    await eventually("so is the next one", () => answered("reject").includes(5));
    link.send(...link.frames.filter(({ type }) => type === "heartbeat"));
    for (const seq of [2, 3, 5]) link.send(publish(seq, LONG_MS));
    const consumer = await cluster.consumer(1);
    await eventually("all are stored", () => answered("ack").length === 5);
    const client = await connect({ psk: TEST_PSK, url: consumer.url, route: "single" });
    const recorder = await Recorder.follow(client, topic, "earliest");
    await recorder.count(4);
    expect(recorder.texts).to.deep.equal(["1", "2", "3", "5"]);
    client.close();
    link.socket.close();
  });

  it("are refused to another node until it has heard of each that was", async () => {
    const consumer = await cluster.consumer(1, { args: { "max-owned-topics": 2 } });
    const link = await V1Socket.openWith(consumer.url, TEST_PSK, { endpoint: "producer" });
    // The topics stay open as long as the ids are remembered.
    const publish = (seq: number, topic: string): void => {
      const fields = { timeoutMs: 0, messageId: `${seq}`, payload: Buffer.from("x") };
      link.send({ type: "publish", seq, topic, ...fields });
    };
    const reasonOf = (seq: number): Promise<string> =>
      eventually(`${seq} is refused`, () => {
        const found = link.frames.find((frame) => frame.type === "reject" && frame.seq === seq);
        return found?.type === "reject" ? found.reason : undefined;
      });
    const full = "the node owns as many topics as it may";
    const behind = "one before it was refused";
    // The node itself follows a topic at some point, which counts as well.
    for (const seq of [1, 2, 3]) publish(seq, `topic ${seq}`);
    expect(await reasonOf(3)).to.equal(full);
    // This refusal is for another client, which the first one does not affect.
    publish(4, "topic 3");
    expect(await reasonOf(4)).to.equal(behind);
    // All heartbeats except the last, which follows the last refusal.
    const beats = (): Frame[] => link.frames.filter(({ type }) => type === "heartbeat");
    const [, ...answers] = beats();
    link.send(...answers);
    publish(5, "topic 3");
    expect(await reasonOf(5)).to.equal(behind);
    link.send(...beats().slice(answers.length));
    publish(6, "topic 3");
    expect(await reasonOf(6)).to.equal(full);
    link.socket.close();
  });
});
