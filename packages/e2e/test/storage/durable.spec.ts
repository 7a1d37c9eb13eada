// Data on disk: it survives every kind of exit of its node, only its owner can use it, and a full
// disk loses no acked message.
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { connect, type Client, type Published } from "@shardcast/client";
import { ShardcastError } from "@shardcast/protocol";
import { expect } from "chai";
import { eventually } from "@shardcast/faults";
import { TEST_PSK, TestCluster, type NodeProcess } from "@shardcast/e2e/nodes";
import { Recorder } from "@shardcast/e2e/recorder";
import { V1Socket } from "@shardcast/e2e/v1-socket";

describe("a log on disk", () => {
  let cluster: TestCluster;
  let clients: Client[];

  beforeEach(async () => {
    cluster = await TestCluster.plan(1);
    clients = [];
  });

  afterEach(async () => {
    for (const client of clients) client.close();
    await cluster.stop();
  });

  async function clientOf(node: NodeProcess, publishTimeoutMs = 10_000): Promise<Client> {
    const options = { psk: TEST_PSK, url: node.url, route: "single", publishTimeoutMs } as const;
    const client = await connect(options);
    clients.push(client);
    return client;
  }

  it("has what was acked when its node is killed at any moment, at the same offsets, and the ids with it", async function () {
    this.timeout(60_000);
    let node = await cluster.consumer(1);
    const client = await clientOf(node, 30_000);
    const recorder = await Recorder.follow(client, "kept", "earliest");
    const acked = new Map<string, Published>();
    const acks: Promise<unknown>[] = [];
    let number = 0;
    const publish = (): void => {
      const id = `m${number}`;
      number += 1;
      const answer = client.publish("kept", id, { messageId: id });
      acks.push(answer.then((published) => acked.set(id, published)));
    };
    for (let round = 0; round < 4; round += 1) {
      // Killed, most likely during a commit.
      for (let count = 0; count < 500; count += 1) publish();
      await eventually("some are acked", () => acked.size > 500 * round + 20);
      for (let count = 0; count < 500; count += 1) publish();
      await node.stop("SIGKILL");
      node = await cluster.consumer(1);
      await Promise.all(acks);
    }
    await recorder.count(number);
    expect(recorder.texts).to.deep.equal(Array.from({ length: number }, (_, of) => `m${of}`));
    expect(recorder.gaps).to.deep.equal([]);
    expect(recorder.messages.map(({ offset }) => offset)).to.deep.equal(
      Array.from({ length: number }, (_, of) => of + 1),
    );
    for (const message of recorder.messages) {
      expect(acked.get(message.text())?.offset).to.equal(message.offset);
    }
    await node.stop("SIGKILL");
    await cluster.consumer(1);
    const again = await client.publish("kept", "again", { messageId: "m7" });
    expect(again).to.include({ offset: 8, duplicate: true });
  });

  it("keeps the epoch of a topic that has only been followed, from the moment when it is told", async () => {
    const node = await cluster.consumer(1);
    const client = await clientOf(node, 30_000);
    const subscription = client.subscribe("quiet");
    let gaps = 0;
    subscription.on("gap", () => (gaps += 1));
    await subscription.ready;
    await node.stop("SIGKILL");
    await cluster.consumer(1);
    const { epoch, offset } = await client.publish("quiet", "first");
    const { value } = await subscription[Symbol.asyncIterator]().next();
    expect([value?.epoch, value?.offset, gaps]).to.deep.equal([epoch, offset, 0]);
  });

  it("is refused to a second node, to another node, and where it is something else", async () => {
    const { dataFolder } = cluster;
    await cluster.consumer(1);
    const refusal = async (args: Record<string, string | number>): Promise<string> => {
      const node = cluster.spawn("consumer", {
        args: { id: "c1", port: 0, data: dataFolder, ...args },
      });
      await node.stop();
      expect(node.exitCode).to.equal(1);
      expect(node.stderr).to.match(/^[^\n]+\n$/);
      return node.stderr;
    };
    expect(await refusal({}))
      .to.include("SHARDCAST_DATA_LOCKED")
      .and.include(dataFolder);
    const foreign = join(dataFolder, "foreign");
    mkdirSync(join(foreign, "c1"), { recursive: true });
    writeFileSync(join(foreign, "c1", "diary.txt"), "dear diary");
    expect(await refusal({ data: foreign })).to.include("SHARDCAST_DATA_FOREIGN");
    writeFileSync(join(foreign, "c1", "diary.txt"), "dear diary");
    const damaged = join(dataFolder, "damaged");
    mkdirSync(join(damaged, "c1"), { recursive: true });
    const note = '{"format":"shardcast-log","version":1,"node":"c1"}';
    writeFileSync(join(damaged, "c1", "shardcast.json"), note);
    writeFileSync(join(damaged, "c1", "log.mdb"), "x".repeat(10_000));
    expect(await refusal({ data: damaged })).to.include("SHARDCAST_DATA_CORRUPT");
    expect(readFileSync(join(damaged, "c1", "log.mdb"), "utf8")).to.equal("x".repeat(10_000));
    expect(await refusal({ data: join(foreign, "c1", "diary.txt") })).to.include(
      "SHARDCAST_OPTION_INVALID",
    );
  });

  it("refuses a store with a zeroed page in one line, also when it finds the page only as it runs", async function () {
    this.timeout(60_000);
    const data = join(cluster.dataFolder, "zeroed");
    const start = (): NodeProcess =>
      cluster.spawn("consumer", { args: { id: "c1", port: 0, data } });
    const node = await start().listening();
    const client = await clientOf(node, 30_000);
    await Promise.all(
      Array.from({ length: 2000 }, (_, number) => client.publish(`zeroed-${number}`, "x")),
    );
    client.close();
    await node.stop("SIGTERM");
    const file = join(data, "c1", "log.mdb");
    const whole = readFileSync(file);
    // Pages of every kind.
    for (let page = 2; page < whole.length / 4096; page += Math.ceil(whole.length / 4096 / 12)) {
      const bytes = Buffer.from(whole);
      bytes.fill(0, page * 4096, (page + 1) * 4096);
      writeFileSync(file, bytes);
      const damaged = start();
      await Promise.race([damaged.stop(), damaged.listening().catch(() => undefined)]);
      if (damaged.isAlive) {
        // It was a free page.
        await damaged.stop("SIGTERM");
        continue;
      }
      expect(damaged.exitCode).to.equal(1);
      expect(damaged.stdout).to.not.include('"msg":"listening"');
      expect(damaged.stderr).to.match(/^[^\n]+\n$/);
      expect(damaged.stderr).to.include("SHARDCAST_DATA_CORRUPT").and.include("data repair");
    }
  });

  it("acks nothing once its store was deleted, and says so", async function () {
    this.timeout(60_000);
    const data = join(cluster.dataFolder, "deleted");
    const node = await cluster.start("consumer", { args: { id: "c1", port: 0, data } });
    rmSync(join(data, "c1", "log.mdb"));
    await eventually("it is not ready", async () => {
      const answer = await fetch(`${node.httpUrl}/readyz`);
      return answer.status === 503 && (await answer.text()).includes("deleted or replaced");
    });
    const socket = await V1Socket.openWith(node.url, TEST_PSK, { endpoint: "connect" });
    const publish = { type: "publish", timeoutMs: 400, topic: "deleted" } as const;
    socket.send({ ...publish, seq: 7, payload: Buffer.from("x") });
    expect(await socket.first("reject")).to.include({ seq: 7, code: "SHARDCAST_LOG_UNAVAILABLE" });
    socket.end();
    await node.stop("SIGTERM");
    expect(node.exitCode).to.equal(0);
  });

  it("rejects publishes while the disk is full, is read all the while, and goes on when there is room", async function () {
    this.timeout(60_000);
    const node = await cluster.consumer(1);
    const client = await clientOf(node, 500);
    const acked: Published[] = [];
    const fill = Buffer.alloc(100_000, "x");
    acked.push(await client.publish("full", "first"));
    limitFiles(node.pid, 4_000_000);
    const rejected: unknown[] = [];
    await eventually("the disk is full", async () => {
      await client.publish("full", fill).then(
        (published) => acked.push(published),
        (error: unknown) => rejected.push(error),
      );
      return rejected.length > 0;
    });
    expect(rejected[0]).to.be.instanceOf(ShardcastError).and.have.property("cause");
    const cause = (rejected[0] as Error).cause;
    expect(cause).to.have.property("code", "SHARDCAST_LOG_UNAVAILABLE");
    expect(cause).to.have.property("message").that.includes("the disk is full");

    // What another client receives, and what it can read.
    const socket = await V1Socket.openWith(node.url, TEST_PSK, { endpoint: "connect" });
    const publish = { type: "publish", timeoutMs: 400, topic: "full" } as const;
    socket.send({ ...publish, seq: 7, payload: Buffer.alloc(200_000) });
    expect(await socket.first("reject")).to.include({ seq: 7, code: "SHARDCAST_LOG_UNAVAILABLE" });
    socket.end();
    expect((await fetch(`${node.httpUrl}/readyz`)).status).to.equal(503);
    expect(await node.metric("log_writable")).to.equal(0);
    expect(await node.metric("commits_failed_total")).to.be.greaterThan(0);
    const reader = await Recorder.follow(await clientOf(node), "full", "earliest");
    await reader.count(acked.length);

    // No client publishes any more, and the disk is as full as before.
    await new Promise((resolve) => setTimeout(resolve, 6000));
    expect((await fetch(`${node.httpUrl}/readyz`)).status).to.equal(503);
    limitFiles(node.pid, undefined);
    await eventually("the node finds by itself that there is room", async () => {
      return (await fetch(`${node.httpUrl}/readyz`)).status === 200;
    });
    acked.push(await client.publish("full", "last", { timeoutMs: 10_000 }));
    await reader.count(acked.length);
    expect(reader.messages.at(-1)?.text()).to.equal("last");
    expect(reader.messages.map(({ offset }) => offset)).to.deep.equal(
      acked.map((_, index) => index + 1),
    );
    expect(acked.map(({ offset }) => offset)).to.deep.equal(acked.map((_, index) => index + 1));
    expect(reader.gaps).to.deep.equal([]);
  });

  it("keeps of each topic what the rules of a file say, and tells what is gone", async () => {
    const config = join(cluster.dataFolder, "consumer.json");
    const retention = [
      { topics: "chat/*", count: 5 },
      { topics: "*", count: 3 },
    ];
    writeFileSync(config, JSON.stringify({ retention }));
    let node = await cluster.consumer(1, { args: { config } });
    const client = await clientOf(node);
    for (let number = 1; number <= 20; number += 1) {
      await Promise.all(["chat/all", "news"].map((topic) => client.publish(topic, `${number}`)));
    }
    const recorder = await Recorder.follow(client, "news", "earliest");
    expect((await recorder.count(3)).texts).to.deep.equal(["18", "19", "20"]);
    const { epoch } = await client.publish("news", "21");

    await node.stop("SIGTERM");
    node = await cluster.consumer(1, {
      env: { SHARDCAST_RETENTION: JSON.stringify(retention) },
    });
    const resumed = await Recorder.follow(await clientOf(node), "news", `${epoch}_2`);
    expect((await resumed.count(3)).texts).to.deep.equal(["19", "20", "21"]);
    expect(resumed.gaps).to.deep.equal([{ epoch, first: 3, last: 18, isNewEpoch: false }]);
    const chat = await Recorder.follow(await clientOf(node), "chat/all", "last:4");
    expect((await chat.count(4)).texts).to.deep.equal(["17", "18", "19", "20"]);

    const strict = await clientOf(node);
    const subscription = strict.subscribe("news", { from: `${epoch}_2`, gaps: "error" });
    const outcome = await (async () => {
      for await (const message of subscription) return message.text();
      return "ended";
    })().catch((error: unknown) => error);
    expect(outcome).to.have.property("code", "SHARDCAST_GAP");
  });
});

/** Limits the size of a process's files, which has the effect of a full disk. */
function limitFiles(pid: number, bytes: number | undefined): void {
  execFileSync("prlimit", ["--pid", `${pid}`, `--fsize=${bytes ?? "unlimited"}:unlimited`]);
}
