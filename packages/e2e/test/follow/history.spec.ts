// Reads over a client's link, on owners and relays, with each log; and the time of day.
import { connect, type Client, type Message } from "@shardcast/client";
import { SUBPROTOCOLS } from "@shardcast/protocol";
import { expect } from "chai";
import { eventually, RedisServer } from "@shardcast/faults";
import { describeWith } from "@shardcast/faults/testing";
import { TEST_PSK, TestCluster, type NodeProcess } from "@shardcast/e2e/nodes";
import { V1Socket } from "@shardcast/e2e/v1-socket";

const COUNT = 500;

for (const log of ["memory", "lmdb", "redis"] as const) {
  describeWith(
    log === "redis" ? ["redis-server", "redis-cli"] : [],
    `history over a link, with messages in ${log}`,
    function () {
      this.timeout(60_000);
      let redis: RedisServer | undefined;
      let cluster: TestCluster;
      let nodes: NodeProcess[];
      const clients: Client[] = [];

      before(async () => {
        if (log === "redis") redis = await RedisServer.start();
        cluster = redis === undefined ? await TestCluster.plan(2) : TestCluster.onRedis(redis.url);
        const args = log === "lmdb" ? { log } : {};
        nodes = await Promise.all([1, 2].map((number) => cluster.consumer(number, { args })));
        const [first] = nodes;
        await eventually("both know both", async () => {
          const response = await fetch(`${first?.url.replace("ws", "http") ?? ""}/cluster`);
          return ((await response.json()) as { consumers: unknown[] }).consumers.length === 2;
        });
      });

      afterEach(() => {
        for (const client of clients.splice(0)) client.close();
      });

      after(async () => {
        await cluster.stop();
        await redis?.remove();
      });

      async function clientAt(index: number): Promise<Client> {
        const url = nodes[index]?.url ?? "";
        const client = await connect({ url, psk: TEST_PSK, route: "single" });
        clients.push(client);
        return client;
      }

      async function fill(topic: string, client: Client): Promise<void> {
        const payload = "x".repeat(1000);
        await Promise.all(
          Array.from({ length: COUNT }, (_, index) =>
            client.publish(topic, `${index + 1} ${payload}`),
          ),
        );
      }

      it("is the same at every node, backwards to the start and forwards to the end", async () => {
        const both = [await clientAt(0), await clientAt(1)];
        for (const topic of ["one", "two", "three"]) {
          await fill(topic, both[0] as Client);
          for (const client of both) {
            const all: Message[] = [];
            let before: string | undefined;
            for (let isStart = false; !isStart; before = all[0]?.position) {
              const page = await client.history(topic, { before, limit: 70 });
              expect(page.gaps).to.be.empty;
              all.unshift(...page.messages);
              isStart = page.isStart;
            }
            expect(all.map(({ offset }) => offset)).to.deep.equal(
              Array.from({ length: COUNT }, (_, index) => index + 1),
            );
            const forwards = await client.history(topic, { after: all[9]?.position, limit: COUNT });
            expect(forwards.messages.map((message) => message.text())).to.deep.equal(
              all.slice(10).map((message) => message.text()),
            );
            expect(forwards.isEnd).to.be.true;
          }
        }
      });

      it("lets subscriptions with different starts share one link", async () => {
        const [client, other] = [await clientAt(0), await clientAt(1)];
        await fill("shared", other);
        const starts = ["earliest", "last:10", "live", "last:300"];
        const heard = starts.map(() => [] as number[]);
        const subscriptions = starts.map((from, index) => {
          const subscription = client.subscribe("shared", { from });
          subscription.on("message", ({ offset }) => heard[index]?.push(offset));
          return subscription;
        });
        await Promise.all(subscriptions.map(({ ready }) => ready));
        await other.publish("shared", "last");
        await eventually("all have the last", () =>
          heard.every((offsets) => offsets.at(-1) === COUNT + 1),
        );
        expect(heard.map((offsets) => offsets.length)).to.deep.equal([COUNT + 1, 11, 1, 301]);
        for (const offsets of heard) {
          const [first = 0] = offsets;
          expect(offsets).to.deep.equal(offsets.map((_, index) => first + index));
        }
        expect(client.nodes()).to.have.lengthOf(1);
      });

      it("stores nothing of a topic that is only read", async () => {
        const client = await clientAt(1);
        const { messages, isStart, isEnd } = await client.history("nothing here");
        expect([messages.length, isStart, isEnd]).to.deep.equal([0, true, true]);
      });

      it("refuses more reads than a link may have without an answer", async () => {
        const socket = await V1Socket.openWith(nodes[0]?.url ?? "", TEST_PSK, {
          endpoint: "connect",
          subprotocol: SUBPROTOCOLS.binary,
        });
        const from = { type: "earliest" } as const;
        for (let seq = 1; seq <= 20; seq += 1) {
          socket.send({ type: "read", seq, topic: "one", from, limitBytes: 1000 });
        }
        await eventually("20 answers", () => {
          return (
            socket.frames.filter(({ type }) => type === "page" || type === "reject").length === 20
          );
        });
        const refused = socket.frames.filter((frame) => frame.type === "reject");
        expect(refused.map(({ code }) => code)).to.include("SHARDCAST_WINDOW_FULL");
        expect(refused).to.have.lengthOf.at.most(16);
        socket.socket.terminate();
      });

      it("tells the node's time of day", async () => {
        const client = await clientAt(0);
        const before = Date.now();
        const { offset } = await client.publish("clock", "x");
        const { messages } = await client.history("clock", { limit: 1 });
        expect(messages[0]?.offset).to.equal(offset);
        expect(await client.time()).to.be.at.least(before - 1000);
      });
    },
  );
}
