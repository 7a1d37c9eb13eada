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

export interface ConsumerSetup {
  readonly bins: NodeBins;
  /** @default c1 */
  readonly id?: string;
  readonly port: number;
  readonly args?: readonly string[];
  readonly consumers?: string;
}

/** A consumer on a port, with defaults but for what `args` say; by itself, where no others are named. */
export function startConsumer(setup: ConsumerSetup): Promise<ServerProcess> {
  const { bins, id = "c1", port, args = [], consumers = `${id}=ws://127.0.0.1:${port}` } = setup;
  return ServerProcess.start({
    command: process.execPath,
    args: [
      fileURLToPath(bins.consumer),
      ...[`--id=${id}`, "--host=127.0.0.1", `--port=${port}`, `--consumers=${consumers}`],
      ...args,
    ],
    env: { PSK: BENCH_PSK },
    ready: READY,
  });
}

/** A producer whose one consumer is c1 on a port; one link may have as many in flight as there can be. */
export function startProducer({
  bins,
  port,
  consumerPort,
}: {
  readonly bins: NodeBins;
  readonly port: number;
  readonly consumerPort: number;
}): Promise<ServerProcess> {
  return ServerProcess.start({
    command: process.execPath,
    args: [
      fileURLToPath(bins.producer),
      ...["--host=127.0.0.1", `--port=${port}`, `--consumers=c1=ws://127.0.0.1:${consumerPort}`],
      "--window=65536",
    ],
    env: { PSK: BENCH_PSK },
    ready: READY,
  });
}

/** A folder for one measurement. */
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
