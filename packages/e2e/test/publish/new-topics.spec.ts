// Topics without publishes: following, reading or querying one leaves nothing behind.
import { connect, type Client } from "@shardcast/client";
import type { Grant } from "@shardcast/protocol";
import { expect } from "chai";
import { eventually, RedisServer } from "@shardcast/faults";
import { EventReader, ask, jsonOf } from "@shardcast/e2e/http-client";
import { TEST_PSK, TestCluster, type NodeProcess } from "@shardcast/e2e/nodes";
import { Recorder } from "@shardcast/e2e/recorder";
import { TOKEN_SECRET, tokenOf } from "@shardcast/e2e/tokens";
import { describeWith } from "@shardcast/faults/testing";

const API_KEY = "the key of the tests";
const KEY = { authorization: `Bearer ${API_KEY}` };
const TOPICS = Array.from({ length: 40 }, (_, number) => `new/${number}`);
const COMMON = { "token-secret": TOKEN_SECRET, "api-key": API_KEY };

describeWith(["redis-server", "redis-cli"], "a topic that nobody has published to", function () {
  this.timeout(60_000);
  let redis: RedisServer;

  before(async () => {
    redis = await RedisServer.start();
  });
  after(() => redis.remove());

  for (const log of ["lmdb", "memory", "redis"]) {
    describe(`with the log ${log}`, () => {
      let cluster: TestCluster;
      let nodes: readonly NodeProcess[];

      beforeEach(async () => {
        const isRedis = log === "redis";
        cluster = isRedis ? TestCluster.onRedis(redis.url) : await TestCluster.plan(2);
        const args = { ...COMMON, ...(isRedis ? {} : { log }) };
        nodes = await Promise.all([1, 2].map((number) => cluster.consumer(number, { args })));
      });
      afterEach(() => cluster.stop());

      async function clientOf(node: NodeProcess, token?: string): Promise<Client> {
        const credentials = token === undefined ? { psk: TEST_PSK } : { token };
        return connect({ ...credentials, url: node.url, route: "single" });
      }

      async function topicCount(node: NodeProcess): Promise<number> {
        return (await node.metric("topics_owned")) + (await node.metric("topics_relayed"));
      }

      it("is not made by those who follow, read or ask for it", async () => {
        const allow: Grant["allow"] = ["subscribe", "history", "presence"];
        const token = await tokenOf({ caps: [{ topics: ["new/*"], allow }] });
        const headers = { authorization: `Bearer ${token}` };
        for (const node of nodes) {
          const client = await clientOf(node, token);
          await Promise.all(
            TOPICS.map((topic, index) => {
              return Recorder.follow(client, topic, index % 2 === 0 ? "live" : "earliest");
            }),
          );
          client.close();
          for (const topic of TOPICS.slice(0, 5)) {
            const path = `/topics/${encodeURIComponent(`${topic}/other`)}`;
            const messages = await ask(node.httpUrl, `${path}/messages`, { headers });
            expect(messages.status, messages.text).to.equal(200);
            const topicOnly = await ask(node.httpUrl, path, { headers });
            expect(topicOnly.status, topicOnly.text).to.equal(200);
            const stream = await EventReader.open(
              node.httpUrl,
              `/subscribe/${encodeURIComponent(`${topic}/stream`)}`,
              headers,
            );
            stream.close();
          }
        }
        for (const node of nodes) {
          await eventually("nothing is left", async () => {
            // Nodes themselves follow the topic of push subscriptions.
            return (await topicCount(node)) <= 1;
          });
          const { topics } = jsonOf(await ask(node.httpUrl, "/topics", { headers: KEY }));
          expect(topics).to.deep.equal([]);
        }
      });

      it("has missed nobody who comes back to it from before its first message", async () => {
        const [first, second] = nodes as [NodeProcess, NodeProcess];
        const away = await clientOf(first);
        const subscription = away.subscribe("new/quiet");
        await subscription.ready;
        const { position } = subscription;
        expect(position).to.match(/^[0-9a-f]{16}_0$/);
        away.close();
        const publisher = await clientOf(second);
        const { offset } = await publisher.publish("new/quiet", "first");
        expect(offset).to.equal(1);
        publisher.close();
        const back = await clientOf(first);
        const recorder = await Recorder.follow(back, "new/quiet", position);
        await recorder.count(1);
        expect(recorder.texts).to.deep.equal(["first"]);
        expect(recorder.gaps).to.deep.equal([]);
        back.close();
      });
    });
  }

  it("is begun only so often by one user, over however many links, and by others all the same", async () => {
    const cluster = await TestCluster.plan(1);
    try {
      const args = { ...COMMON, "max-new-topics": 10, "link-publishes": 0, "user-publishes": 0 };
      const node = await cluster.consumer(1, { args });
      const producer = await cluster.producer({ args });
      const caps = [{ topics: ["new/*"], allow: ["publish" as const] }];
      const answers: string[] = [];
      for (const link of [1, 2, 3]) {
        const token = await tokenOf({ sub: "greedy", caps });
        for (let number = 0; number < 40; number += 1) {
          const answer = await ask(producer.httpUrl, `/produce/new%2F${link}-${number}`, {
            method: "POST",
            body: "x",
            headers: { authorization: `Bearer ${token}`, "content-type": "text/plain" },
          });
          answers.push(answer.status === 200 ? "stored" : String(jsonOf(answer).code));
        }
      }
      expect(answers).to.include("SHARDCAST_RATE_LIMITED");
      expect(answers.slice(0, 10)).to.deep.equal(Array.from({ length: 10 }, () => "stored"));
      const { topics } = jsonOf(
        await ask(node.httpUrl, "/topics?limit=1000", { headers: KEY }),
      ) as { topics: string[] };
      expect(topics.length).to.equal(answers.filter((answer) => answer === "stored").length);
      // Resuming a topic does not count as opening a new one, and clients with the key have no
      // limit.
      const client = await connect({ psk: TEST_PSK, url: node.url, route: "single" });
      await Promise.all(TOPICS.map((topic) => client.publish(topic, "x")));
      client.close();
    } finally {
      await cluster.stop();
    }
  });
});
