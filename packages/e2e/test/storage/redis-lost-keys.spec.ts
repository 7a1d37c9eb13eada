// Redis loses one or more keys of a topic: they are deleted, evicted, trimmed, or expire. Readers
// get what is left and a gap for the rest at once, publishing continues, and no node polls Redis in
// a loop.
import { connect, type Client, type Published } from "@shardcast/client";
import { expect } from "chai";
import { eventually, RedisServer } from "@shardcast/faults";
import { Keys } from "@shardcast/redis/testing";
import { TEST_PSK, TestCluster, type NodeProcess } from "@shardcast/e2e/nodes";
import { Reading } from "@shardcast/e2e/reading";
import { describeWith } from "@shardcast/faults/testing";

const PREFIX = "lost:";
const KEYS = ["topic", "messages", "ids", "shard", "list"] as const;
/**
 * Per topic: more than a relay keeps in memory (1 MiB), so that reads from the start come from
 * Redis.
 */
const MESSAGES = 24;
const MESSAGE_BYTES = 60_000;
/** The maximum number of scripts that one subscription may run: a loop would run thousands. */
const SCRIPTS_PER_READING = 40;
/** Scripts of two idle nodes, which announce themselves at intervals. */
const SCRIPTS_AT_REST = 10;
const REST_MS = 300;

interface Loss {
  readonly name: string;
  readonly commands: readonly (readonly string[])[];
  readonly topic: string;
}

/** A topic for every combination of keys, and for every kind of partial loss. */
function losses(prefix: string): Loss[] {
  const loss = (
    name: string,
    commandsOf: (keys: ReturnType<Keys["topic"]>) => string[][],
  ): Loss => {
    const topic = `${prefix} ${name}`;
    return { name, topic, commands: commandsOf(new Keys(PREFIX).topic(topic)) };
  };
  const combinations = Array.from({ length: 2 ** KEYS.length - 1 }, (_, index) =>
    KEYS.filter((_key, bit) => ((index + 1) >> bit) % 2 === 1),
  );
  return [
    ...combinations.map((names) =>
      loss(`without ${names.join(" ")}`, (keys) => [["del", ...names.map((name) => keys[name])]]),
    ),
    loss("cut", (keys) => [["xtrim", keys.messages, "MAXLEN", "6"]]),
    loss("cut short", (keys) => [["xtrim", keys.messages, "MAXLEN", "2"]]),
    loss("emptied", (keys) => [["xtrim", keys.messages, "MAXLEN", "0"]]),
    loss("expired", (keys) => [["pexpire", keys.messages, "1"]]),
    loss("all expired", (keys) =>
      [keys.messages, keys.topic, keys.ids].map((key) => ["pexpire", key, "1"]),
    ),
  ];
}

describeWith(["redis-server", "redis-cli"], "a topic that Redis loses keys of", function () {
  this.timeout(120_000);
  let redis: RedisServer;
  let cluster: TestCluster;
  let clients: Client[];
  let nodes: NodeProcess[];
  let producer: NodeProcess;
  let publisher: Client;
  const args = { "redis-prefix": PREFIX };

  before(async () => {
    redis = await RedisServer.start();
  });

  after(() => redis.remove());

  beforeEach(async () => {
    redis.cli("flushall");
    clients = [];
    cluster = TestCluster.onRedis(redis.url);
    producer = await cluster.producer({ args });
    await startConsumers();
    const urls = { producers: [producer.url], consumers: [] };
    publisher = await connect({ psk: TEST_PSK, publishTimeoutMs: 60_000, ...urls });
    clients.push(publisher);
  });

  afterEach(async () => {
    for (const client of clients) client.close();
    await cluster.stop();
  });

  async function startConsumers(): Promise<void> {
    nodes = [await cluster.consumer(1, { args }), await cluster.consumer(2, { args })];
    await eventually("all are ready", async () => {
      const answers = await Promise.all(
        [...nodes, producer].map((node) => fetch(`${node.httpUrl}/readyz`)),
      );
      return answers.every(({ status }) => status === 200);
    });
  }

  /** Reads through each consumer: one owns the topic, the other does not. */
  async function readAt(
    topics: readonly string[],
    ...froms: readonly string[]
  ): Promise<Reading[]> {
    const readings: Reading[] = [];
    for (const { url } of nodes) {
      const client = await connect({ psk: TEST_PSK, url, route: "single" });
      clients.push(client);
      for (const topic of topics) {
        for (const from of froms) readings.push(new Reading(client, topic, from));
      }
    }
    await Promise.all(readings.map(({ ready }) => ready));
    return readings;
  }

  function publish(topic: string, text: string): Promise<Published> {
    return publisher.publish(topic, text.padEnd(MESSAGE_BYTES));
  }

  /** @returns the position of the first message */
  async function fill({ topic }: Loss): Promise<string> {
    const acks = Array.from({ length: MESSAGES }, (_, index) => publish(topic, `old ${index}`));
    const [first] = await Promise.all(acks);
    if (first === undefined) throw new Error("nothing was published");
    return `${first.epoch}_${first.offset}`;
  }

  function lose({ commands }: Loss): void {
    for (const command of commands) redis.cli(...command);
  }

  function scriptsRun(): number {
    return Number(/cmdstat_evalsha:calls=(\d+)/.exec(redis.cli("info", "commandstats"))?.[1]);
  }

  async function atRest(): Promise<boolean> {
    const before = scriptsRun();
    await new Promise((resolve) => setTimeout(resolve, REST_MS));
    return scriptsRun() - before < SCRIPTS_AT_REST;
  }

  function textsAfter({ texts }: Reading): string[] {
    return texts.filter((text) => text.startsWith("new"));
  }

  for (const isFresh of [false, true]) {
    const where = isFresh ? "nodes that have just started" : "nodes that knew it before";
    for (const isHot of [false, true]) {
      const what = isHot ? "while it is published to" : "at rest";
      it(`gives what is left, and a gap, ${what}, at ${where}`, async () => {
        const all = losses(isHot ? "hot" : "resting");
        const [live, behind]: [Reading[], Reading[]] = [[], []];
        const topics = all.map(({ topic }) => topic);
        if (!isFresh) live.push(...(await readAt(topics, "live")));
        const first = new Map<string, string>();
        for (const loss of all) first.set(loss.topic, await fill(loss));
        if (isFresh) {
          await Promise.all(nodes.map((node) => node.stop("SIGKILL")));
          await startConsumers();
        }
        const during: Promise<unknown>[] = [];
        for (const loss of all) {
          if (isHot) during.push(publish(loss.topic, "meanwhile"));
          lose(loss);
          if (isHot) during.push(publish(loss.topic, "meanwhile"));
        }
        const before = scriptsRun();
        behind.push(...(await readAt(topics, "earliest", "last:1000")));
        for (const [topic, position] of first) behind.push(...(await readAt([topic], position)));
        await Promise.all(during);
        await eventually("nobody asks Redis any more", atRest);
        for (const topic of topics) {
          for (const text of ["new 1", "new 2"]) await publish(topic, text);
        }
        const readings = [...live, ...behind];
        await eventually("every reader has what was published at last", () =>
          readings.every(({ texts }) => texts.includes("new 2")),
        );
        const scripts = scriptsRun() - before;
        expect(readings.flatMap(({ faults }) => faults)).to.deep.equal([]);
        for (const reading of readings) {
          expect(textsAfter(reading)).to.deep.equal(["new 1", "new 2"]);
        }
        expect(scripts / readings.length).to.be.below(SCRIPTS_PER_READING);
      });
    }
  }
});
