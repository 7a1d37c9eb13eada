// Measures how long a consumer takes to start, with few messages in its log and with many.
import { fillLog } from "../peers/fill-log.ts";
import { freePort, startConsumer, TempFolder, type NodeBins } from "../peers/shardcast-nodes.ts";
import type { Table } from "../report/table.ts";
import type { Question } from "./question.ts";

const ROUNDS = 5;

export const STARTUP: Question = {
  name: "startup",
  about: "a consumer with 10,000 and with 1,000,000 messages in its log: ms to ready",
  ask: ({ bins }) => startup(bins),
};

export async function startup(
  bins: NodeBins,
  counts: readonly number[] = [10_000, 1_000_000],
): Promise<Table> {
  const rows = [];
  for (const count of counts) {
    const folder = new TempFolder();
    try {
      const mebibytes = await fillLog(folder.path, count);
      const times: number[] = [];
      for (let round = 0; round < ROUNDS; round += 1)
        times.push(await startOnce(bins, folder.path));
      times.sort((a, b) => a - b);
      rows.push({
        "messages stored": count,
        "MiB stored": Math.round(mebibytes),
        "ms to ready, median of 5": Math.round(times[Math.floor(ROUNDS / 2)] ?? 0),
      });
    } finally {
      folder.remove();
    }
  }
  return { question: STARTUP.name, title: "Start of a consumer", rows };
}

async function startOnce(bins: NodeBins, folder: string): Promise<number> {
  const port = await freePort();
  const begin = performance.now();
  const node = await startConsumer({ bins, port, args: [`--data=${folder}`] });
  const took = performance.now() - begin;
  await node.stop();
  return took;
}
