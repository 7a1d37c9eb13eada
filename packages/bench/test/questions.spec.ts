// Every question is asked once, as small as it gets, so that it cannot rot. Nothing is said of its figures.
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect } from "chai";
import { fanOut } from "../src/fan-out.ts";
import { idle } from "../src/idle.ts";
import { ingest } from "../src/ingest.ts";
import type { BenchBins } from "../src/peers.ts";
import { slowReaders } from "../src/slow-readers.ts";
import { startup } from "../src/startup.ts";
import type { Table } from "../src/table.ts";

function binOf(name: string, file: string): URL {
  return pathToFileURL(join("packages", name, "bin", file));
}

const BINS: BenchBins = {
  producer: binOf("producer", "shardcast-producer.js"),
  consumer: binOf("consumer", "shardcast-consumer.js"),
  peerServer: binOf("bench", "peer-server.js"),
  load: binOf("bench", "load.js"),
};
/** Those that need nothing installed. */
const PEERS = ["shardcast", "shardcast-lmdb", "limit", "ws", "socket.io"];

const common = { bins: BINS, peers: PEERS, progress: (): void => undefined };

describe("a benchmark, as small as it gets", function () {
  this.timeout(120_000);

  function expectFigures({ rows }: Table, count: number): void {
    expect(rows.length).to.equal(count);
    for (const value of rows.flatMap((row) => Object.values(row))) {
      if (typeof value === "number") expect(value).to.satisfy(Number.isFinite);
    }
  }

  it("fanout", async () => {
    const shape = { subscribers: [3], payloadBytes: [128], inFlight: [4], rounds: 1 };
    const table = await fanOut({ ...common, ...shape, deliveries: 300 });
    expectFigures(table, 1);
    expect(table.rows[0]).to.include.keys(PEERS);
  });

  it("ingest", async () => {
    expectFigures(await ingest({ ...common, messages: 500, rounds: 1 }), 6);
  });

  it("idle", async () => {
    expectFigures(await idle({ ...common, subscribers: 20, watchMs: 100 }), PEERS.length);
  });

  it("startup", async () => {
    expectFigures(await startup(BINS, [10_000]), 1);
  });

  it("slow-readers", async () => {
    expectFigures(await slowReaders({ bins: BINS, counts: [2], messages: 40 }), 4);
  });
});
