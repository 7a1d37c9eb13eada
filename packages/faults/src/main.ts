// The command: npm run faults -- --minutes 10 --seed 7
import { randomInt } from "node:crypto";
import { optionInvalid, wholeNumber } from "@shardcast/server";
import yargs from "yargs";
import type { NodeBins } from "./cluster.ts";
import { run, type RunResult } from "./run.ts";

const MAX_SEED = 2 ** 32 - 1;
const VIOLATIONS_SHOWN = 20;

/** Ends with exit code 1 where a promise was broken. */
export async function main(bins: NodeBins): Promise<void> {
  const raw = yargs(process.argv.slice(2))
    .scriptName("faults")
    .usage("$0 [options]\n\nRuns a cluster under faults, and checks what it promises.")
    .options({
      minutes: { type: "number", default: 1, describe: "How long faults go on" },
      seed: { type: "number", describe: "Which faults, when; drawn where none is given" },
      producers: { type: "number", default: 2, describe: "How many" },
      consumers: { type: "number", default: 3, describe: "How many" },
      rate: { type: "number", default: 300, describe: "Publishes a second" },
      log: {
        type: "string",
        default: "lmdb",
        choices: ["lmdb", "redis"],
        describe: "The consumers' log; redis is a cluster of six servers, which have faults, too",
      },
    })
    .strict()
    .locale("en")
    .version(false)
    .parseSync();
  if (!(raw.minutes > 0)) throw optionInvalid("--minutes is a number above 0");
  const seed = raw.seed === undefined ? randomInt(MAX_SEED) : wholeNumber(raw, "seed", 0, MAX_SEED);
  print(`seed ${seed}`);
  const began = performance.now();
  const result = await run({
    bins,
    seed,
    durationMs: raw.minutes * 60_000,
    producers: wholeNumber(raw, "producers", 1, 10),
    consumers: wholeNumber(raw, "consumers", 1, 10),
    topics: 8,
    publishers: 6,
    subscribers: 6,
    rate: wholeNumber(raw, "rate", 1, 10_000),
    isOnRedis: raw.log === "redis",
    log: (text) =>
      print(`${((performance.now() - began) / 1000).toFixed(1).padStart(7)} s  ${text}`),
  });
  report(result, seed);
  if (result.violations.length > 0) process.exitCode = 1;
}

function report(result: RunResult, seed: number): void {
  const { violations, faults, failed } = result;
  print("");
  print(`faults      ${result.faultCount}: ${listOf(faults)}`);
  print(`published   ${result.published}, acked ${result.acked}`);
  print(`            of them repeats ${result.duplicates}, without an ack ${listOf(failed)}`);
  print(
    `            longest without one ${(result.longestSilenceMs / 1000).toFixed(1)} s, of a topic`,
  );
  print(`delivered   ${result.deliveries}`);
  for (const { rule, topic, detail } of violations.slice(0, VIOLATIONS_SHOWN)) {
    print(`BROKEN      ${rule}: ${topic}: ${detail}`);
  }
  print(`violations  ${violations.length} (seed ${seed})`);
}

function listOf(counts: Readonly<Record<string, number>>): string {
  const parts = Object.entries(counts).map(([name, count]) => `${name} ${count}`);
  return parts.length === 0 ? "none" : parts.join(", ");
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
