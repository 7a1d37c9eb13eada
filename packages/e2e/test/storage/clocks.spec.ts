// Nodes whose clocks are set while they run, with Debian's libfaketime.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { connect, type Client } from "@shardcast/client";
import { expect } from "chai";
import { SignJWT } from "jose";
import { Webhook } from "standardwebhooks";
import { eventually, NodeClock, WRONG_CLOCKS } from "@shardcast/faults";
import { ask } from "@shardcast/e2e/http-client";
import { TEST_PSK, TestCluster, type NodeProcess } from "@shardcast/e2e/nodes";
import { Recorder } from "@shardcast/e2e/recorder";
import { describeWith } from "@shardcast/faults/testing";

const HOUR_MS = 3_600_000;
const SECRET = "the secret of the tests, which is long enough";
const WEBHOOK_KEY = `whsec_${Buffer.alloc(32, 1).toString("base64")}`;

describeWith(["faketime"], "a node whose clock is set for some seconds", function () {
  this.timeout(60_000);
  let cluster: TestCluster;
  let node: NodeProcess;
  let clock: NodeClock;

  before(async () => {
    cluster = await TestCluster.plan(1);
    const settable = NodeClock.at(join(cluster.dataFolder, "clock"));
    if (settable === undefined) throw new Error("the tests need faketime");
    clock = settable;
    node = await start();
  });
  after(() => cluster.stop());

  function start(): Promise<NodeProcess> {
    const keys = join(cluster.dataFolder, "webhook-keys.json");
    writeFileSync(
      keys,
      JSON.stringify([{ name: "shop", keys: [WEBHOOK_KEY], allow: "subscribe:*" }]),
    );
    const args = {
      "retain-age": HOUR_MS,
      "dedupe-window": 60_000,
      "heartbeat-interval": 500,
      "token-secret": SECRET,
      "webhook-keys": keys,
    };
    return cluster.consumer(1, { args, env: clock.env });
  }

  async function connectWithToken(): Promise<Client> {
    const token = await new SignJWT({ caps: [{ topics: ["*"], allow: ["publish"] }] })
      .setProtectedHeader({ alg: "HS256" })
      .setSubject("ann")
      .setIssuedAt()
      .setNotBefore(Math.floor(Date.now() / 1000) - 1)
      .setExpirationTime("1 hour")
      .sign(new TextEncoder().encode(SECRET));
    return connect({ token, url: node.url, route: "single" });
  }

  async function readSigned(id: string): Promise<number> {
    const [now, target] = [new Date(), "GET /topics"];
    const headers = {
      "webhook-id": id,
      "webhook-timestamp": `${Math.floor(now.getTime() / 1000)}`,
      "webhook-signature": new Webhook(WEBHOOK_KEY).sign(`request ${id}`, now, target),
    };
    return (await ask(node.httpUrl, "/topics", { headers })).status;
  }

  for (const jump of WRONG_CLOCKS) {
    it(`by ${jump} keeps its links, drops no young message, and takes new ones for new`, async () => {
      const client = await connect({ psk: TEST_PSK, url: node.url, route: "single" });
      let lost = 0;
      client.on("link", ({ state }) => {
        if (state === "lost") lost += 1;
      });
      const topic = `clock${jump}`;
      const recorder = await Recorder.follow(client, topic);
      await client.publish(topic, "before", { messageId: "before" });
      clock.set(jump);
      for (let number = 1; number <= 10; number += 1) {
        await client.publish(topic, `during ${number}`, { messageId: `during ${number}` });
        await wait(300);
      }
      // A repeat is recognised as a duplicate, and a new message is not.
      const repeat = await client.publish(topic, "before", { messageId: "before" });
      expect(repeat).to.include({ offset: 1, duplicate: true });
      clock.setRight();
      const after = await client.publish(topic, "after", { messageId: "after" });
      expect(after).to.include({ offset: 12, duplicate: false });
      await recorder.count(12);
      const times = recorder.messages.map(({ time }) => time);
      for (const time of times) expect(Math.abs(time - Date.now())).to.be.lessThan(HOUR_MS / 10);
      expect([...times].sort((one, other) => one - other)).to.deep.equal(times);
      // A later subscriber receives everything, and nothing was lost on the way.
      const later = await connect({ psk: TEST_PSK, url: node.url, route: "single" });
      const all = await Recorder.follow(later, topic, "earliest");
      await all.count(12);
      expect(all.texts).to.deep.equal(recorder.texts);
      expect([lost, recorder.gaps.length, all.gaps.length]).to.deep.equal([0, 0, 0]);
      later.close();
      client.close();
      await eventually("it is well", async () => (await fetch(`${node.httpUrl}/readyz`)).ok);
    });
  }

  for (const jump of ["+3d", "-3d"]) {
    it(`by ${jump} lets in who has a token that is good, and who signs requests`, async () => {
      const early = await connectWithToken();
      let lost = 0;
      early.on("link", ({ state }) => {
        if (state === "lost") lost += 1;
      });
      clock.set(jump);
      const late = await connectWithToken();
      for (const client of [early, late]) await client.publish("tokens", "x");
      expect(await readSigned(`during${jump}`)).to.equal(200);
      clock.setRight();
      expect(await readSigned(`after${jump}`)).to.equal(200);
      await early.publish("tokens", "x");
      expect(lost).to.equal(0);
      for (const client of [early, late]) client.close();
    });
  }

  for (const jump of ["+3d", "-3d"]) {
    it(`by ${jump} at its start drops no young message, and knows what is a repeat`, async () => {
      const topic = `start${jump}`;
      const before = await connect({ psk: TEST_PSK, url: node.url, route: "single" });
      await before.publish(topic, "before", { messageId: "before" });
      before.close();
      await node.stop("SIGTERM");
      clock.set(jump);
      node = await start();
      const client = await connect({ psk: TEST_PSK, url: node.url, route: "single" });
      const recorder = await Recorder.follow(client, topic, "earliest");
      await recorder.count(1);
      const repeat = await client.publish(topic, "before", { messageId: "before" });
      expect(repeat).to.include({ offset: 1, duplicate: true });
      await client.publish(topic, "during");
      clock.setRight();
      await client.publish(topic, "after");
      await recorder.count(3);
      expect(recorder.texts).to.deep.equal(["before", "during", "after"]);
      expect(recorder.gaps).to.deep.equal([]);
      client.close();
    });
  }
});
