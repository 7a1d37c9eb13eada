// The cluster under test: producers and consumers as processes, each behind a proxy of its own.
import { randomBytes, randomInt } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { NodeProcess } from "./node-process.ts";
import { TcpProxy } from "./tcp-proxy.ts";

/** The nodes' commands, as JavaScript files. */
export interface NodeBins {
  readonly producer: URL;
  readonly consumer: URL;
}

export interface ClusterOptions {
  readonly bins: NodeBins;
  readonly producers: number;
  readonly consumers: number;
  /** What each consumer is told beside the usual. */
  readonly consumerArgs?: readonly string[];
  /** Loaded by each node before its own code: how tests break it. */
  readonly execArgv?: readonly string[];
}

/** Short, so that a run meets many losses of links in little time. */
const HEARTBEAT_MS = 500;
const PORT_MIN = 12_000;
const PORT_MAX = 32_000;

/** Nothing is trimmed in a run: whatever is missing is lost. */
const KEEP_ALL = ["--retain-count=100000000", "--retain-bytes=100000000000"];

export class Cluster {
  readonly psk: string;
  readonly producers: readonly NodeProcess[];
  readonly consumers: readonly NodeProcess[];
  readonly #folder: string;

  private constructor(
    psk: string,
    folder: string,
    nodes: { producers: readonly NodeProcess[]; consumers: readonly NodeProcess[] },
  ) {
    this.psk = psk;
    this.#folder = folder;
    this.producers = nodes.producers;
    this.consumers = nodes.consumers;
  }

  get nodes(): NodeProcess[] {
    return [...this.producers, ...this.consumers];
  }

  static async start(options: ClusterOptions): Promise<Cluster> {
    const psk = randomBytes(16).toString("hex");
    const folder = mkdtempSync(join(tmpdir(), "shardcast-faults-"));
    const fronts = await Promise.all(
      Array.from({ length: options.producers + options.consumers }, async () => {
        const port = await freePort();
        return { port, proxy: await TcpProxy.listen(port) };
      }),
    );
    const ring = fronts
      .slice(options.producers)
      .map(({ proxy }, index) => `c${index + 1}=ws://127.0.0.1:${proxy.port}`)
      .join(",");
    const common = [
      "--host=127.0.0.1",
      `--consumers=${ring}`,
      `--heartbeat-interval=${HEARTBEAT_MS}`,
      "--drain-timeout=1000",
    ];
    const nodes = fronts.map(({ port, proxy }, index) => {
      const isProducer = index < options.producers;
      const id = isProducer ? `p${index + 1}` : `c${index + 1 - options.producers}`;
      const own = isProducer
        ? []
        : [`--data=${folder}`, ...KEEP_ALL, ...(options.consumerArgs ?? [])];
      const bin = fileURLToPath(isProducer ? options.bins.producer : options.bins.consumer);
      const args = [`--id=${id}`, `--port=${port}`, ...common, ...own];
      return new NodeProcess({ id, bin, args, psk, execArgv: options.execArgv ?? [] }, proxy);
    });
    const cluster = new Cluster(psk, folder, {
      producers: nodes.slice(0, options.producers),
      consumers: nodes.slice(options.producers),
    });
    await Promise.all(nodes.map((node) => node.start()));
    return cluster;
  }

  /** Ends every fault: all nodes run, and everything passes. */
  async heal(): Promise<void> {
    for (const { proxy } of this.nodes) proxy.set({ type: "pass" });
    await Promise.all(
      this.nodes.map(async (node) => {
        node.resume();
        await node.start();
      }),
    );
  }

  async stop(): Promise<void> {
    await Promise.all(
      this.nodes.map(async (node) => {
        await node.end("SIGKILL");
        await node.proxy.close();
      }),
    );
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Below what systems give to outgoing connections: the port must be free whenever its node starts again. */
async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(PORT_MIN, PORT_MAX);
    const server = createServer().listen(port, "127.0.0.1");
    const isFree = await Promise.race([
      once(server, "listening").then(() => true),
      once(server, "error").then(() => false),
    ]).catch(() => false);
    if (!isFree) continue;
    server.close();
    await once(server, "close");
    return port;
  }
}
