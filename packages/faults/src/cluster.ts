// The cluster under test: producers and consumers as processes, each behind its own proxy.
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePort } from "./free-port.ts";
import { NodeClock } from "./node-clock.ts";
import { NodeProcess } from "./node-process.ts";
import { RedisClusterServers, type RedisServer } from "./redis-server.ts";
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
  /**
   * Stores messages and members in a Redis cluster of three masters with one replica each. @default
   * false
   */
  readonly isOnRedis?: boolean;
  /** Additional options for each consumer. */
  readonly consumerArgs?: readonly string[];
  /**
   * Node.js options that load a module before each node's code, with which tests break the node.
   */
  readonly execArgv?: readonly string[];
}

/** Short, so that links are lost often during a run. */
const HEARTBEAT_MS = 500;
/** The number of consumers that join and leave. */
const SPARES = 2;
const MEMBER_TIMEOUT_MS = 1500;

/** Nothing is trimmed in a run, so every missing message was lost. */
const KEEP_ALL = ["--retain-count=100000000", "--retain-bytes=100000000000"];

export class Cluster {
  readonly psk: string;
  readonly producers: readonly NodeProcess[];
  readonly consumers: readonly NodeProcess[];
  /** Consumers that are not started at first. */
  readonly spares: readonly NodeProcess[];
  readonly #folder: string;
  readonly #redis: RedisClusterServers | undefined;

  private constructor(
    psk: string,
    folder: string,
    nodes: { readonly producers: number; readonly consumers: number; all: readonly NodeProcess[] },
    redis: RedisClusterServers | undefined,
  ) {
    const { producers, consumers, all } = nodes;
    this.psk = psk;
    this.#folder = folder;
    this.#redis = redis;
    this.producers = all.slice(0, producers);
    this.consumers = all.slice(producers, producers + consumers);
    this.spares = all.slice(producers + consumers);
  }

  get redisServers(): readonly RedisServer[] {
    return this.#redis?.servers ?? [];
  }

  get nodes(): NodeProcess[] {
    return [...this.producers, ...this.consumers];
  }

  static async start(options: ClusterOptions): Promise<Cluster> {
    const psk = randomBytes(16).toString("hex");
    const folder = mkdtempSync(join(tmpdir(), "shardcast-faults-"));
    const redis = options.isOnRedis === true ? await RedisClusterServers.start() : undefined;
    // Without Redis, the ring is fixed.
    const spares = redis === undefined ? 0 : SPARES;
    const count = options.producers + options.consumers + spares;
    const fronts = await Promise.all(
      Array.from({ length: count }, async () => {
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
      ...(redis === undefined
        ? [`--consumers=${ring}`]
        : [`--redis=${redis.url}`, `--member-timeout=${MEMBER_TIMEOUT_MS}`]),
      `--heartbeat-interval=${HEARTBEAT_MS}`,
      "--drain-timeout=1000",
    ];
    const nodes = fronts.map(({ port, proxy }, index) => {
      const isProducer = index < options.producers;
      const id = isProducer ? `p${index + 1}` : `c${index + 1 - options.producers}`;
      const log =
        redis === undefined
          ? [`--data=${folder}`]
          : [...["--log=redis", "--redis-replicas=1"], `--advertise=ws://127.0.0.1:${proxy.port}`];
      const own = isProducer ? [] : [...log, ...KEEP_ALL, ...(options.consumerArgs ?? [])];
      const bin = fileURLToPath(isProducer ? options.bins.producer : options.bins.consumer);
      const args = [`--id=${id}`, `--port=${port}`, ...common, ...own];
      const hasStore = !isProducer && redis === undefined;
      const clock = NodeClock.at(join(folder, `${id}.clock`));
      const spec = { id, bin, args, psk, clock, execArgv: options.execArgv ?? [] };
      return new NodeProcess(
        hasStore ? { ...spec, store: join(folder, id, "log.mdb") } : spec,
        proxy,
      );
    });
    const cluster = new Cluster(psk, folder, { ...options, all: nodes }, redis);
    await Promise.all(cluster.nodes.map((node) => node.start()));
    return cluster;
  }

  /** Ends every fault: all nodes run, and all proxies pass traffic. */
  async heal(): Promise<void> {
    const all = [...this.nodes, ...this.redisServers];
    for (const { proxy } of all) proxy.set({ type: "pass" });
    for (const { clock } of this.nodes) clock?.setRight();
    await Promise.all(this.spares.map((node) => node.end("SIGTERM")));
    await Promise.all(
      all.map(async (node) => {
        node.resume();
        await node.start();
      }),
    );
  }

  async stop(): Promise<void> {
    await Promise.all(
      [...this.nodes, ...this.spares].map(async (node) => {
        await node.end("SIGKILL");
        await node.proxy.close();
      }),
    );
    await this.#redis?.remove();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
