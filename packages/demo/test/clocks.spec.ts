// Nodes whose clocks get set while they run, by Debian's libfaketime.
import { execFileSync } from "node:child_process";
import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { connect } from "@shardcast/client";
import { expect } from "chai";
import { eventually } from "./support/eventually.ts";
import { TEST_PSK, TestCluster, type NodeProcess } from "./support/nodes.ts";
import { Recorder } from "./support/recorder.ts";

const HOUR_MS = 3_600_000;
const JUMPS = ["+3d", "-3d", "+10m", "-10m"];

/** What `faketime` itself has loaded: where the library is, tells the linker's path of the system. */
function library(): string {
  const command = ["-f", "+0", "sh", "-c", "echo $LD_PRELOAD"];
  return execFileSync("faketime", command, { encoding: "utf8" }).trim();
}

describe("a node whose clock is set for some seconds", function () {
  this.timeout(60_000);
  let cluster: TestCluster;
  let node: NodeProcess;
  let file: string;

  before(async () => {
    cluster = await TestCluster.plan(1);
    file = join(cluster.dataFolder, "clock");
    set("+0");
    const env = {
      LD_PRELOAD: library(),
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_NO_CACHE: "1",
      DONT_FAKE_MONOTONIC: "1",
      FAKETIME_DONT_FAKE_MONOTONIC: "1",
    };
    const args = { "retain-age": HOUR_MS, "dedupe-window": 60_000, "heartbeat-interval": 500 };
    node = await cluster.consumer(1, { args, env });
  });
  after(() => cluster.stop());

  /** Whole before it has its name: the node reads it all the time. */
  function set(clock: string): void {
    writeFileSync(`${file}.new`, clock);
    renameSync(`${file}.new`, file);
  }

  for (const jump of JUMPS) {
    it(`by ${jump} keeps its links, drops no young message, and takes new ones for new`, async () => {
      const client = await connect({ psk: TEST_PSK, url: node.url, route: "single" });
      let lost = 0;
      client.on("link", ({ state }) => {
        if (state === "lost") lost += 1;
      });
      const topic = `clock${jump}`;
      const recorder = await Recorder.follow(client, topic);
      await client.publish(topic, "before", { messageId: "before" });
      set(jump);
      for (let number = 1; number <= 10; number += 1) {
        await client.publish(topic, `during ${number}`, { messageId: `during ${number}` });
        await wait(300);
      }
      // A repeat is one, and what is new is none.
      const repeat = await client.publish(topic, "before", { messageId: "before" });
      expect(repeat).to.include({ offset: 1, duplicate: true });
      set("+0");
      const after = await client.publish(topic, "after", { messageId: "after" });
      expect(after).to.include({ offset: 12, duplicate: false });
      await recorder.count(12);
      const times = recorder.messages.map(({ time }) => time);
      for (const time of times) expect(Math.abs(time - Date.now())).to.be.lessThan(HOUR_MS / 10);
      expect([...times].sort((one, other) => one - other)).to.deep.equal(times);
      // All is there for who comes later, and nothing was lost on the way.
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
});
