// Clients that send a lot at once, to a real node: only they wait, and no other client.
import type { Socket } from "node:net";
import { SUBPROTOCOLS, encodeFrame, encodeJsonFrame, type Frame } from "@shardcast/protocol";
import { expect } from "chai";
import { eventually } from "@shardcast/faults";
import { TEST_PSK, TestCluster, type NodeProcess } from "@shardcast/e2e/nodes";
import { V1Socket } from "@shardcast/e2e/v1-socket";

const FRAMES = 30_000;

describe("one link's work", () => {
  let cluster: TestCluster;
  let node: NodeProcess;

  before(async () => {
    cluster = await TestCluster.plan(1);
    node = await cluster.consumer(1, { args: { log: "memory" } });
  });
  after(() => cluster.stop());

  function publish(seq: number): Frame {
    return { type: "publish", seq, timeoutMs: 0, topic: "news", payload: Buffer.from("x") };
  }

  /** Frames that are all refused. */
  function subscriptions(): Frame[] {
    const from = { type: "live" } as const;
    return Array.from({ length: FRAMES }, (_, sub) => ({
      ...({ type: "subscribe", sub, topic: "$own", from } as const),
    }));
  }

  for (const subprotocol of Object.values(SUBPROTOCOLS)) {
    it(`is done bit by bit, while others are served, over ${subprotocol}`, async () => {
      const options = { endpoint: "connect", subprotocol } as const;
      const busy = await V1Socket.openWith(node.url, TEST_PSK, options);
      const other = await V1Socket.openWith(node.url, TEST_PSK, { endpoint: "connect" });
      const answers = (): Frame[] => busy.frames.filter(({ type }) => type === "unsubscribed");
      const isJson = subprotocol === SUBPROTOCOLS.json;
      const frames = subscriptions();
      busy.sendRaw(
        isJson ? frames.map(encodeJsonFrame).join("\n") : Buffer.concat(frames.map(encodeFrame)),
      );
      await eventually("the first answer", () => answers().length > 0);
      let answered = 0;
      other.socket.on("message", () => (answered = answers().length));
      other.send(publish(1));
      await other.first("ack");
      expect(answered).to.be.lessThan(FRAMES);
      await eventually("every answer", () => answers().length === FRAMES);
      const subs = answers().map((frame) => ("sub" in frame ? frame.sub : -1));
      expect(subs).to.deep.equal([...subs.keys()]);
      // The node reads the link again.
      busy.send(publish(1));
      await busy.first("ack");
      for (const link of [busy, other]) link.socket.close();
    });
  }

  it("answers the pings of a turn with one pong", async () => {
    const link = await V1Socket.openWith(node.url, TEST_PSK, { endpoint: "connect" });
    let pongs = 0;
    link.socket.on("pong", () => (pongs += 1));
    const tcp = (link.socket as unknown as { readonly _socket: Socket })._socket;
    tcp.cork();
    for (let count = 0; count < 1000; count += 1) link.socket.ping();
    tcp.uncork();
    link.send(publish(1));
    await link.first("ack");
    await eventually("a pong", () => pongs > 0);
    expect(pongs).to.be.lessThan(100);
    link.socket.close();
  });
});
