// Asks every question once at its smallest size, so that the code keeps working. No figure is
// checked.
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect } from "chai";
import type { BenchBins } from "../src/peers/peers.ts";
import { FAN_OUT, fanOut } from "../src/questions/fan-out.ts";
import { GROWTH, growth } from "../src/questions/growth.ts";
import { IDLE, idle } from "../src/questions/idle.ts";
import { INGEST, ingest } from "../src/questions/ingest.ts";
import { LATENCY, latency } from "../src/questions/latency.ts";
import { MANY_TOPICS, manyTopics } from "../src/questions/many-topics.ts";
import { million } from "../src/questions/million.ts";
import type { Question } from "../src/questions/question.ts";
import { RECOVERY_STORM, recoveryStorm } from "../src/questions/recovery-storm.ts";
import { SLOW_READERS, slowReaders } from "../src/questions/slow-readers.ts";
import { startup } from "../src/questions/startup.ts";
import { takeover } from "../src/questions/takeover.ts";
import { renderChart } from "../src/report/chart.ts";
import type { Table } from "../src/report/table.ts";
import { skipWithout } from "@shardcast/faults/testing";

function binOf(name: string, file: string): URL {
  return pathToFileURL(join("packages", name, "bin", file));
}

const BINS: BenchBins = {
  producer: binOf("producer", "shardcast-producer.js"),
  consumer: binOf("consumer", "shardcast-consumer.js"),
  peerServer: binOf("bench", "peer-server.js"),
  load: binOf("bench", "load.js"),
};
/** The systems that need no program beyond those of the other tests. */
const ALL = ["shardcast", "shardcast-lmdb", "shardcast-redis", "limit", "ws", "socket.io"];

function asked(...peers: string[]): {
  bins: BenchBins;
  peers: readonly string[];
  progress: (line: string) => void;
} {
  return { bins: BINS, peers, progress: (line) => progress.push(line) };
}

/** What the benchmark reports on its way: a peer that failed is named there, and has no rows. */
let progress: string[] = [];

describe("a benchmark, as small as it gets", function () {
  this.timeout(120_000);

  beforeEach(() => {
    progress = [];
  });

  function expectFigures({ rows }: Table, count: number): void {
    expect(rows.length, progress.join("\n")).to.equal(count);
    for (const value of rows.flatMap((row) => Object.values(row))) {
      if (typeof value === "number") expect(value).to.satisfy(Number.isFinite);
    }
  }

  function expectChart({ chart }: Question, { rows }: Table): void {
    const drawn = chart?.(rows);
    if (drawn === undefined) throw new Error("there is no chart");
    expect(renderChart(drawn))
      .to.match(/^<svg /)
      .and.include(drawn.title);
  }

  it("fanout", async function () {
    skipWithout(this, "redis-server");
    const shape = { subscribers: [3], payloadBytes: [128], inFlight: [64], rounds: 1 };
    const table = await fanOut({ ...asked(...ALL), ...shape, deliveries: 300 });
    expectFigures(table, 1);
    expect(table.rows[0]).to.include.keys(ALL);
    expectChart(FAN_OUT, table);
  });

  it("many-topics", async () => {
    const shape = { topics: 5, messages: 100, rounds: 1 };
    const table = await manyTopics({ ...asked("shardcast", "limit"), ...shape });
    expectFigures(table, 2);
    expectChart(MANY_TOPICS, table);
  });

  it("ingest", async function () {
    skipWithout(this, "redis-server");
    const shapes = [
      { log: "memory", topics: 2, links: 2, inFlight: 100 },
      { log: "lmdb", topics: 1, links: 1, inFlight: 1 },
      { log: "redis", topics: 2, links: 1, inFlight: 10 },
    ] as const;
    const table = await ingest({ ...asked(), messages: 300, rounds: 1, shapes });
    expectFigures(table, 3);
    expectChart(INGEST, table);
  });

  it("latency", async () => {
    const shape = { shares: [0.1], seconds: 0.2, messages: 200 };
    const table = await latency({ ...asked("shardcast-lmdb", "socket.io"), ...shape });
    expectFigures(table, 2);
    for (const row of table.rows) expect(row["lost, %"]).to.equal(0);
    expectChart(LATENCY, table);
  });

  it("idle", async () => {
    const shape = { subscribers: [20], watchMs: 100 };
    const table = await idle({ ...asked("shardcast", "ws"), ...shape });
    expectFigures(table, 2);
    expectChart(IDLE, table);
  });

  it("recovery-storm", async () => {
    const table = await recoveryStorm({ ...asked("shardcast-lmdb", "limit"), clients: 20 });
    expectFigures(table, 2);
    expectChart(RECOVERY_STORM, table);
  });

  it("growth", async () => {
    const small = { deliveries: 300, connections: 10, topics: 5, stored: 10_000 };
    const table = await growth({ ...asked(), ...small, factors: [1] });
    expectFigures(table, 5);
    expectChart(GROWTH, table);
  });

  it("startup", async () => {
    expectFigures(await startup(BINS, [10_000]), 1);
  });

  it("slow-readers", async () => {
    const table = await slowReaders({ bins: BINS, counts: [2], messages: 40 });
    expectFigures(table, 4);
    expectChart(SLOW_READERS, table);
  });

  it("takeover", async () => {
    expectFigures(await takeover({ ...asked(), memberTimeoutsMs: [500], rounds: 1 }), 2);
  });

  it("million", async () => {
    const small = { connections: 60, seconds: 0.5, bytesPerSecond: 100, heartbeatMs: 1000 };
    const { rows } = await million({ ...asked(), ...small, reconnectMs: 500 });
    const values = new Map(rows.map(({ what, value }) => [what, value]));
    expect(values.get("phones connected and subscribed")).to.equal("60");
    expect(values.get("phones that got every message once")).to.equal("60");
  });
});
