// Shardcast's own nodes under measurement.
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ServerProcess } from "./server-process.ts";

/** The nodes' commands, as JavaScript files. */
export interface NodeBins {
  readonly producer: URL;
  readonly consumer: URL;
}

export const BENCH_PSK = "the key of the benchmarks";

const READY = /"msg":"ready"/;
const MEMBER_LIMIT_MS = 20_000;

export interface ConsumerSetup {
  readonly bins: NodeBins;
  /** @default c1 */
  readonly id?: string;
  readonly port: number;
  readonly args?: readonly string[];
  readonly consumers?: string;
  /** Redis for membership and messages, instead of a fixed list and a local log. */
  readonly redis?: string | undefined;
}

/**
 * Starts a consumer on a port, with default options except for `args`. It is the only consumer,
 * unless others are named.
 */
export async function startConsumer(setup: ConsumerSetup): Promise<ServerProcess> {
  const { bins, id = "c1", port, args = [], consumers = `${id}=ws://127.0.0.1:${port}` } = setup;
  const { redis } = setup;
  const node = await ServerProcess.start({
    command: process.execPath,
    args: [
      fileURLToPath(bins.consumer),
      ...[`--id=${id}`, "--host=127.0.0.1", `--port=${port}`],
      redis === undefined ? `--consumers=${consumers}` : `--redis=${redis}`,
      ...args,
    ],
    env: { PSK: BENCH_PSK },
    ready: READY,
  });
  if (redis !== undefined) await untilMembers(port, [id]);
  return node;
}

/**
 * Starts a producer for the consumer c1 on a port. One link may have the maximum number of
 * publishes in flight.
 */
export async function startProducer({
  bins,
  port,
  consumerPort,
  redis,
}: {
  readonly bins: NodeBins;
  readonly port: number;
  readonly consumerPort: number;
  readonly redis?: string | undefined;
}): Promise<ServerProcess> {
  const consumers = `c1=ws://127.0.0.1:${consumerPort}`;
  const node = await ServerProcess.start({
    command: process.execPath,
    args: [
      fileURLToPath(bins.producer),
      ...["--host=127.0.0.1", `--port=${port}`, "--window=65536"],
      redis === undefined ? `--consumers=${consumers}` : `--redis=${redis}`,
    ],
    env: { PSK: BENCH_PSK },
    ready: READY,
  });
  if (redis !== undefined) await untilMembers(port, ["c1"]);
  return node;
}

/** Starts a Redis server without persistence. */
export async function startRedis(folder: string): Promise<{ process: ServerProcess; url: string }> {
  const port = await freePort();
  const started = await ServerProcess.start({
    command: "redis-server",
    args: ["--port", `${port}`, "--bind", "127.0.0.1", "--dir", folder, "--save", ""],
    ready: /Ready to accept connections/,
  });
  return { process: started, url: `redis://127.0.0.1:${port}` };
}

/** Waits until the node on a port knows the given consumers. */
export async function untilMembers(port: number, ids: readonly string[]): Promise<void> {
  const end = performance.now() + MEMBER_LIMIT_MS;
  for (;;) {
    const answer = await fetch(`http://127.0.0.1:${port}/cluster`);
    const { consumers } = (await answer.json()) as { consumers: readonly { id: string }[] };
    const known = new Set(consumers.map((one) => one.id));
    if (ids.every((id) => known.has(id))) return;
    if (performance.now() > end) throw new Error(`not all of ${ids.join()} are consumers`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** A temporary folder for one measurement. */
export class TempFolder {
  readonly path = mkdtempSync(join(tmpdir(), "shardcast-bench-"));

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
