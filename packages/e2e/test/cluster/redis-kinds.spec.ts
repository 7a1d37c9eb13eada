// Redis of every kind and in every failure, with real nodes: publishers get an ack or a clear
// reject, subscribers stay connected and miss nothing, and readiness reports the failure.
import { readFileSync } from "node:fs";
import { connect, type Client, type ConnectOptions, type Published } from "@shardcast/client";
import { ShardcastError, shardOf } from "@shardcast/protocol";
import { expect } from "chai";
import { eventually, RedisClusterServers, RedisServer } from "@shardcast/faults";
import { TEST_PSK, TestCluster, topicOwnedBy, type NodeProcess } from "@shardcast/e2e/nodes";
import { Recorder } from "@shardcast/e2e/recorder";
import { SentinelRedis, TlsRedis } from "@shardcast/e2e/redis-kinds";
import { describeWith } from "@shardcast/faults/testing";

/** Removed after each test, in reverse order. */
type Removable = { remove(): Promise<void> };

describeWith(["redis-server", "redis-cli", "openssl"], "nodes on Redis", function () {
  this.timeout(90_000);
  let clients: Client[];
  let clusters: TestCluster[];
  let removables: Removable[];

  beforeEach(() => {
    [clients, clusters, removables] = [[], [], []];
  });

  afterEach(async () => {
    for (const client of clients) client.close();
    await Promise.all(clusters.map((cluster) => cluster.stop()));
    for (const removable of removables) await removable.remove();
  });

  async function removed<Started extends Removable>(start: Promise<Started>): Promise<Started> {
    const started = await start;
    removables.unshift(started);
    return started;
  }

  function clusterOn(url: string): TestCluster {
    const cluster = TestCluster.onRedis(url);
    clusters.push(cluster);
    return cluster;
  }

  async function clientOf(options: Partial<ConnectOptions>): Promise<Client> {
    const client = await connect({ psk: TEST_PSK, publishTimeoutMs: 60_000, ...options });
    clients.push(client);
    return client;
  }

  async function readiness(node: NodeProcess): Promise<string> {
    const answer = await fetch(`${node.httpUrl}/readyz`);
    return `${answer.status} ${await answer.text()}`;
  }

  async function untilReady(...nodes: readonly NodeProcess[]): Promise<void> {
    await eventually("all are ready", async () => {
      return (await Promise.all(nodes.map(readiness))).every((text) => text.startsWith("200"));
    });
  }

  async function codeOf(publish: Promise<Published>): Promise<string> {
    return publish.then(
      () => "none",
      (error: unknown) => (error instanceof ShardcastError ? error.code : String(error)),
    );
  }

  /** Publishes numbers one after another until stopped. */
  function publishing(client: Client, topic: string): { stop: () => Promise<number> } {
    const acks: Promise<Published>[] = [];
    const timer = setInterval(() => {
      acks.push(client.publish(topic, String(acks.length)));
    }, 10);
    const stop = async (): Promise<number> => {
      clearInterval(timer);
      await Promise.all(acks);
      return acks.length;
    };
    return { stop };
  }

  async function expectAll(recorder: Recorder, count: number): Promise<void> {
    await recorder.count(count);
    expect(recorder.texts).to.deep.equal(Array.from({ length: count }, (_, of) => String(of)));
    expect(recorder.gaps).to.deep.equal([]);
  }

  it("speak TLS, as a user who may do no more than the docs say", async () => {
    const redis = await removed(TlsRedis.start());
    const page = readFileSync("docs/operations.md", "utf8");
    const rights = (/^ACL: `(.*)`\.$/m.exec(page)?.[1] ?? "").replaceAll("<prefix>", "own:");
    const made = redis.server.cli("acl", "setuser", "ann", "on", ">secret", ...rights.split(" "));
    expect(made).to.equal("OK");
    redis.server.cli("acl", "setuser", "default", "off");
    const args = { "redis-ca": redis.caFile, "redis-prefix": "own:" };
    const cluster = clusterOn(redis.url("ann", "secret"));
    const nodes = [await cluster.consumer(1, { args }), await cluster.consumer(2, { args })];
    const producer = await cluster.producer({ args });
    await untilReady(...nodes, producer);
    const client = await clientOf({ producers: [producer.url], consumers: [nodes[0]?.url ?? ""] });
    const recorders = await Promise.all(
      ["a", "b", "c", "d"].map((topic) => Recorder.follow(client, topic)),
    );
    await Promise.all(["a", "b", "c", "d"].map((topic) => client.publish(topic, "0")));
    for (const recorder of recorders) await expectAll(recorder, 1);
    for (const [url, other] of [
      [redis.url("ann", "wrong"), args],
      [redis.url("ann", "secret"), { "redis-prefix": "own:" }],
      [redis.url("ann", "secret"), { ...args, "redis-prefix": "other:" }],
    ] as const) {
      const refused = await clusterOn(url).consumer(1, { args: other });
      await eventually("it says why it is not ready", async () => {
        return /^503.*Redis: .*(WRONGPASS|certificate|NOPERM)/.test(await readiness(refused));
      });
      expect(refused.stdout + refused.stderr).not.to.include("secret");
    }
  });

  it("follow Sentinels to the next master", async () => {
    const redis = await removed(SentinelRedis.start());
    const cluster = clusterOn(redis.url);
    const args = { "redis-replicas": 1 };
    const nodes = [await cluster.consumer(1, { args }), await cluster.consumer(2, { args })];
    const producer = await cluster.producer();
    await untilReady(...nodes, producer);
    const client = await clientOf({ producers: [producer.url], consumers: [nodes[1]?.url ?? ""] });
    const recorder = await Recorder.follow(client, "news");
    const publishes = publishing(client, "news");
    await recorder.count(20);
    await redis.servers[0]?.end();
    await recorder.count(recorder.messages.length + 100);
    await expectAll(recorder, await publishes.stop());
  });

  it("follow a cluster's slots to another master, and a replica to its master's place", async () => {
    const redis = await removed(RedisClusterServers.start());
    const cluster = clusterOn(redis.url);
    const nodes = [await cluster.consumer(1), await cluster.consumer(2)];
    const producer = await cluster.producer();
    await untilReady(...nodes, producer);
    const client = await clientOf({ producers: [producer.url], consumers: [nodes[0]?.url ?? ""] });
    const recorder = await Recorder.follow(client, "news");
    const publishes = publishing(client, "news");
    await recorder.count(20);
    const slot = redis.slotOf(`{${shardOf("news")}}`);
    await redis.moveSlot(slot);
    await recorder.count(recorder.messages.length + 50);
    const before = redis.masterOf(slot);
    await redis.failOver(slot);
    expect(redis.masterOf(slot)).not.to.equal(before);
    await recorder.count(recorder.messages.length + 50);
    await expectAll(recorder, await publishes.stop());
  });

  for (const [kind, start] of [
    ["one server", () => RedisServer.start()],
    ["Sentinels", () => SentinelRedis.start()],
    ["a cluster", () => RedisClusterServers.start()],
  ] as const) {
    it(`start with ${kind} without a warning, and say that they are ready when /readyz does`, async () => {
      const redis = await removed<Removable & { readonly url: string }>(start());
      const cluster = clusterOn(redis.url);
      const nodes = [await cluster.consumer(1), await cluster.producer()] as const;
      await untilReady(...nodes);
      for (const node of nodes) {
        await eventually("it says so", () => node.stdout.includes('"msg":"ready"'));
        expect(node.stdout).not.to.match(/"level":"(?:warn|error|fatal)"/);
        expect(node.stderr).to.equal("");
      }
    });
  }

  it("start without it, take clients, and store what waited when it is there", async () => {
    const redis = await removed(RedisServer.start());
    await redis.end();
    const cluster = clusterOn(redis.url);
    const nodes = [await cluster.consumer(1), await cluster.producer()] as const;
    for (const node of nodes) {
      expect(await readiness(node)).to.match(/^503/);
      const begun = redis.proxy.acceptedCount;
      await eventually("it tries again and again", () => redis.proxy.acceptedCount > begun + 5);
      expect(node.stdout.split("Redis is out of reach")).to.have.length(2);
      expect(node.stdout).not.to.match(/"level":"(?:warn|error|fatal)"/);
      expect(node.stdout).not.to.include('"msg":"ready"');
      expect(node.stdout + node.stderr).not.to.match(/"stack"|^ +at /m);
    }
    const client = await clientOf({ producers: [nodes[1].url], consumers: [nodes[0].url] });
    const ack = client.publish("news", "0");
    const recorder = Recorder.follow(client, "news", "earliest");
    await new Promise((resolve) => setTimeout(resolve, 500));
    await redis.start();
    await ack;
    await untilReady(...nodes);
    await expectAll(await recorder, 1);
  });

  it("wait for it while it is away or slow, and reject when a publisher's time is over", async () => {
    const redis = await removed(RedisServer.start());
    const cluster = clusterOn(redis.url);
    const nodes = [await cluster.consumer(1), await cluster.producer()] as const;
    await untilReady(...nodes);
    const lists = { producers: [nodes[1].url], consumers: [nodes[0].url] };
    const client = await clientOf(lists);
    const recorder = await Recorder.follow(client, "news");
    await client.publish("news", "0");
    redis.proxy.set({ type: "slow", bytesPerSecond: 2000 });
    await client.publish("news", "1");
    redis.proxy.set({ type: "refuse" });
    const waiting = client.publish("news", "2");
    const hasty = await clientOf({ ...lists, publishTimeoutMs: 300 });
    expect(await codeOf(hasty.publish("other", "never"))).to.equal("SHARDCAST_TIMEOUT");
    await eventually("not ready", async () => (await readiness(nodes[0])).startsWith("503"));
    expect(await nodes[0].metric("redis_available")).to.equal(0);
    // A client that stays connected only sees a pause.
    expect(client.nodes()).to.have.length(2);
    redis.proxy.set({ type: "pass" });
    await waiting;
    await expectAll(recorder, 3);
    await untilReady(...nodes);
    expect(await nodes[0].metric("redis_available")).to.equal(1);
  });

  it("reject what a read-only server refuses, and go on when it is a master", async () => {
    const redis = await removed(RedisServer.start());
    const cluster = clusterOn(redis.url);
    const nodes = [await cluster.consumer(1), await cluster.producer()] as const;
    await untilReady(...nodes);
    const client = await clientOf({ producers: [nodes[1].url], consumers: [nodes[0].url] });
    const recorder = await Recorder.follow(client, "news");
    await client.publish("news", "0");
    // Makes the server a replica of a master that does not exist, so that it rejects writes.
    redis.cli("replicaof", "127.0.0.1", "1");
    const raw = await clientOf({ producers: [nodes[1].url], consumers: [], publishTimeoutMs: 500 });
    expect(await codeOf(raw.publish("other", "never"))).to.equal("SHARDCAST_TIMEOUT");
    await eventually("it says why", async () => /^503.*READONLY/.test(await readiness(nodes[0])));
    const waiting = client.publish("news", "1");
    redis.cli("replicaof", "no", "one");
    await waiting;
    await expectAll(recorder, 2);
  });

  it("hand their topics over at once when they stop", async () => {
    const redis = await removed(RedisServer.start());
    const cluster = clusterOn(redis.url);
    // Longer than any test could wait.
    const args = { "member-timeout": 3_600_000 };
    const nodes = [await cluster.consumer(1, { args }), await cluster.consumer(2, { args })];
    const producer = await cluster.producer({ args });
    await untilReady(...nodes, producer);
    const topic = topicOwnedBy("c1", "c1=ws://a,c2=ws://b");
    const client = await clientOf({ producers: [producer.url], consumers: [nodes[1]?.url ?? ""] });
    const recorder = await Recorder.follow(client, topic);
    const publishes = publishing(client, topic);
    await recorder.count(20);
    await nodes[0]?.stop("SIGTERM");
    await recorder.count(recorder.messages.length + 20);
    await expectAll(recorder, await publishes.stop());
    expect(await nodes[1]?.metric("topics_owned")).to.equal(1);
  });
});
