// Short runs with real processes: a cluster under faults that keeps its promises, and deliberately
// broken clusters that the checker must detect. `npm run faults` runs for longer.
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect } from "chai";
import { run, type RunOptions, type RunResult } from "../src/run.ts";
import type { Rule } from "../src/violation.ts";
import { skipWithout } from "./needs.ts";

const BINS = {
  producer: pathToFileURL(join("packages", "producer", "bin", "shardcast-producer.js")),
  consumer: pathToFileURL(join("packages", "consumer", "bin", "shardcast-consumer.js")),
};

const SEED = 20;
const TRIES = 8;

async function runFor(durationMs: number, options: Partial<RunOptions> = {}): Promise<RunResult> {
  const lines: string[] = [];
  try {
    return await run({
      bins: BINS,
      seed: SEED,
      durationMs,
      producers: 2,
      consumers: 3,
      topics: 6,
      publishers: 3,
      subscribers: 3,
      rate: 200,
      log: (text) => lines.push(text),
      ...options,
    });
  } finally {
    // The seed repeats a failed run.
    process.stdout.write(`      seed ${options.seed ?? SEED}: ${lines.join(", ")}\n`);
  }
}

describe("a cluster under faults", () => {
  for (const isOnRedis of [false, true]) {
    const where = isOnRedis ? "in Redis, which has faults, too" : "on disk";
    it(`loses nothing, doubles nothing, and keeps every order, with messages ${where}`, async function () {
      if (isOnRedis) skipWithout(this, "redis-server", "redis-cli");
      this.timeout(240_000);
      const result = await runFor(10_000, { isOnRedis });
      expect(result.violations).to.deep.equal([]);
      expect(result.faultCount).to.be.greaterThan(4);
      if (!isOnRedis) expect(result.acked).to.equal(result.published);
      expect(result.deliveries).to.be.greaterThan(result.acked);
    });
  }
});

describe("a cluster whose disks rot", () => {
  it("gives each message as it was published, or tells that it is damaged", async function () {
    this.timeout(240_000);
    const kinds = ["flip-bits"] as const;
    const result = await runFor(6000, { kinds, pauseMaxMs: 600, topics: 2 });
    expect(result.violations).to.deep.equal([]);
    expect(result.faultCount).to.be.greaterThan(2);
  });
});

describe("a cluster that is broken on purpose", () => {
  for (const [what, kinds, rules] of [
    [
      "ack-before-commit",
      ["kill-consumer"],
      ["acked-missing", "acked-elsewhere", "views-differ", "stored-twice"],
    ],
    ["no-dedupe", ["kill-consumer", "cut", "stall"], ["stored-twice"]],
    ["skipped-page", ["stop-consumer", "cut"], ["gap", "offset-hole"]],
    ["no-checksum", ["flip-bits"], ["views-differ", "never-published"]],
  ] as const) {
    it(`is caught: ${what}`, async function () {
      this.timeout(300_000);
      const breaker = join("packages", "faults", "test", "support", `${what}.js`);
      const found = new Set<Rule>();
      // Not every run reaches the moment that reveals the error.
      for (
        let seed = SEED;
        seed < SEED + TRIES && !rules.some((rule) => found.has(rule));
        seed += 1
      ) {
        const { violations } = await runFor(4000, {
          execArgv: ["--import", `./${breaker}`],
          seed,
          kinds,
          rate: 500,
          pauseMaxMs: 600,
          settleMs: 3000,
        });
        for (const { rule } of violations) found.add(rule);
      }
      expect(rules.some((rule) => found.has(rule))).to.equal(
        true,
        `it found ${[...found].join(", ") || "nothing"}`,
      );
    });
  }
});
