// Measures how long publishers wait when a topic's owner dies, with messages in Redis, until
// another node owns the topic.
import { connect, type Client } from "@shardcast/client";
import { Ring } from "@shardcast/protocol";
import {
  BENCH_PSK,
  TempFolder,
  freePort,
  startConsumer,
  startProducer,
  startRedis,
  untilMembers,
} from "../peers/shardcast-nodes.ts";
import { missingRedis, type BenchBins } from "../peers/peers.ts";
import type { ServerProcess } from "../peers/server-process.ts";
import type { Row, Table } from "../report/table.ts";
import { median } from "../stats/percentile.ts";
import type { Asked, Question } from "./question.ts";

export const TAKEOVER: Question = {
  name: "takeover",
  about: "an owner is killed or stopped, with messages in Redis: the longest wait for an ack",
  ask: (asked) => takeover(asked),
};

export interface TakeoverOptions extends Pick<Asked, "bins" | "progress"> {
  readonly memberTimeoutsMs?: readonly number[];
  readonly rounds?: number;
}

const IDS = ["c1", "c2"] as const;

export async function takeover(options: TakeoverOptions): Promise<Table> {
  const { bins, memberTimeoutsMs = [2000, 10_000], rounds = 5, progress } = options;
  const rows: Row[] = [];
  const missing = missingRedis();
  if (missing !== undefined) progress(`skipped: ${missing}`);
  for (const timeoutMs of missing === undefined ? memberTimeoutsMs : []) {
    for (const signal of ["SIGKILL", "SIGTERM"] as const) {
      const times: number[] = [];
      for (let round = 0; round < rounds; round += 1) {
        progress(`takeover: ${signal}, --member-timeout ${timeoutMs}`);
        times.push(await once(bins, timeoutMs, signal));
      }
      rows.push({
        "--member-timeout, ms": timeoutMs,
        "the owner is": signal === "SIGKILL" ? "killed" : "stopped",
        "ms to the next ack, median": Math.round(median(times)),
        "ms to the next ack, longest": Math.round(Math.max(...times)),
      });
    }
  }
  return { question: TAKEOVER.name, title: "Until a topic's next owner has it", rows };
}

async function once(
  bins: BenchBins,
  timeoutMs: number,
  signal: "SIGKILL" | "SIGTERM",
): Promise<number> {
  const folder = new TempFolder();
  const started: ServerProcess[] = [];
  let client: Client | undefined;
  try {
    const redis = await startRedis(folder.path);
    started.push(redis.process);
    const args = ["--log=redis", `--member-timeout=${timeoutMs}`];
    const ports = [await freePort(), await freePort()];
    const consumers: ServerProcess[] = [];
    for (const [index, id] of IDS.entries()) {
      const port = ports[index] ?? 0;
      consumers.push(await startConsumer({ bins, id, port, args, redis: redis.url }));
    }
    const port = await freePort();
    const producer = await startProducer({ bins, port, consumerPort: 0, redis: redis.url });
    started.push(producer, ...consumers);
    client = await connect({
      psk: BENCH_PSK,
      producers: [`ws://127.0.0.1:${port}`],
      consumers: [`ws://127.0.0.1:${ports[1] ?? 0}`],
      publishTimeoutMs: 60_000,
    });
    for (const known of [...ports, port]) await untilMembers(known, IDS);
    const topic = topicOfFirst();
    await client.publish(topic, "before");
    const [owner] = consumers;
    if (owner === undefined) throw new Error("no consumer was started");
    owner.kill(signal);
    return await longestPublish(client, topic, owner);
  } finally {
    client?.close();
    for (const process of started.reverse()) await process.stop();
    folder.remove();
  }
}

/**
 * Publishes one message after another until the owner is gone and one more is acked.
 * @returns the longest publish, in ms
 */
async function longestPublish(
  client: Client,
  topic: string,
  owner: ServerProcess,
): Promise<number> {
  let longest = 0;
  for (let isLast = false; !isLast;) {
    isLast = owner.hasExited;
    const begin = performance.now();
    await client.publish(topic, "after");
    longest = Math.max(longest, performance.now() - begin);
  }
  return longest;
}

function topicOfFirst(): string {
  const ring = new Ring(IDS.map((id) => ({ id, url: "" })));
  for (let number = 0; ; number += 1) {
    if (ring.ownerOf(`topic-${number}`).id === IDS[0]) return `topic-${number}`;
  }
}
