// The command line: npm run faults -- --minutes 10 --seed 7
import { randomInt } from "node:crypto";
import { choice, optionInvalid, readOptions, text, whole } from "@shardcast/options";
import type { NodeBins } from "./cluster.ts";
import { run, type RunResult } from "./run.ts";

const MAX_SEED = 2 ** 32 - 1;
const VIOLATIONS_SHOWN = 20;

const FAULTS_OPTIONS = {
  minutes: text(
    "minutes",
    { default: "1", help: "Minutes during which faults are injected" },
    minutesOf,
  ),
  seed: whole("seed", {
    min: 0,
    max: MAX_SEED,
    shownDefault: "random",
    help: "Seed of the faults and their times",
  }),
  producers: whole("producers", { default: 2, min: 1, max: 10, help: "Number of producers" }),
  consumers: whole("consumers", { default: 3, min: 1, max: 10, help: "Number of consumers" }),
  rate: whole("rate", { default: 300, min: 1, max: 10_000, help: "Publishes per second" }),
  log: choice("log", ["lmdb", "redis"], {
    default: "lmdb",
    help: "The consumers' log; redis starts a cluster of six servers, and injects faults into it too",
  }),
};

/** Runs faults as the command line says. Exits with code 1 if a promise was broken. */
export async function main(bins: NodeBins): Promise<void> {
  const options = readOptions(FAULTS_OPTIONS, {
    argv: process.argv.slice(2),
    env: {},
    scriptName: "faults",
    description: "Runs a cluster under faults, and checks what it promises.",
  });
  if (options === undefined) return;
  const { minutes, seed = randomInt(MAX_SEED), producers, consumers, rate, log } = options;
  print(`seed ${seed}`);
  const began = performance.now();
  const result = await run({
    bins,
    seed,
    durationMs: minutes * 60_000,
    producers,
    consumers,
    topics: 8,
    publishers: 6,
    subscribers: 6,
    rate,
    isOnRedis: log === "redis",
    log: (text) =>
      print(`${((performance.now() - began) / 1000).toFixed(1).padStart(7)} s  ${text}`),
  });
  report(result, seed);
  if (result.violations.length > 0) process.exitCode = 1;
}

function minutesOf(given: string, label: string): number {
  if (Number(given) > 0) return Number(given);
  throw optionInvalid(`${label} is a number above 0`);
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
