// Real Redis servers with their own ports and folders, each behind a proxy.
import { execFile, execFileSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { freePort } from "./free-port.ts";
import { TcpProxy } from "./tcp-proxy.ts";
import { spawnTied } from "./tied-process.ts";

const LIMIT_MS = 20_000;
const SLOTS_OK = "cluster_state:ok";

export class RedisServer {
  readonly id: string;
  readonly port: number;
  /** Clients and replicas connect to the proxy; the servers' cluster bus does not use it. */
  readonly proxy: TcpProxy;
  readonly #folder: string;
  readonly #args: readonly string[];
  #child: ChildProcess | undefined;
  #isStopped = false;

  private constructor(port: number, proxy: TcpProxy, args: readonly string[]) {
    this.id = `redis-${port}`;
    this.port = port;
    this.proxy = proxy;
    this.#args = args;
    this.#folder = mkdtempSync(join(tmpdir(), "shardcast-redis-"));
  }

  /** @param args additional options, as on redis-server's command line */
  static async start(args: readonly string[] = []): Promise<RedisServer> {
    const port = await freePort();
    const server = new RedisServer(port, await TcpProxy.listen(port), args);
    await server.start();
    return server;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.proxy.port}`;
  }

  get isAlive(): boolean {
    return this.#child?.exitCode === null && this.#child.signalCode === null;
  }

  /** Starts the server, with the data on disk if it ran before. */
  async start(): Promise<void> {
    if (this.isAlive) return;
    this.#child = spawnTied(
      "redis-server",
      [
        ...["--port", String(this.port), "--bind", "127.0.0.1", "--dir", this.#folder],
        ...["--appendonly", "yes", "--appendfsync", "always", "--save", "", "--daemonize", "no"],
        ...["--cluster-announce-port", String(this.proxy.port)],
        ...["--cluster-announce-bus-port", String(this.port + 10_000)],
        ...["--cluster-announce-ip", "127.0.0.1"],
        ...this.#args,
      ],
      { stdio: "ignore" },
    );
    const failed = once(this.#child, "exit").then(() => {
      throw new Error("redis-server ended; is it installed? apt-get install redis-server");
    });
    // A later failure is either an intended fault or the end of the run.
    failed.catch(() => undefined);
    const ready = until(`redis-server on ${this.port}`, () => this.cli("ping") === "PONG");
    await Promise.race([ready, failed]);
  }

  pause(): void {
    this.#isStopped = true;
    this.#child?.kill("SIGSTOP");
  }

  resume(): void {
    if (this.#isStopped) this.#child?.kill("SIGCONT");
    this.#isStopped = false;
  }

  async end(signal: "SIGKILL" | "SIGTERM" = "SIGKILL"): Promise<void> {
    if (this.#child === undefined || !this.isAlive) return;
    const exited = once(this.#child, "exit");
    this.#child.kill(signal);
    this.resume();
    await exited;
  }

  async remove(): Promise<void> {
    await this.end();
    await this.proxy.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Sends a command without blocking this process. Ignores a server that does not answer. */
  async command(...args: readonly string[]): Promise<void> {
    const options = { timeout: 5000 };
    await promisify(execFile)("redis-cli", ["-p", String(this.port), ...args], options).catch(
      () => undefined,
    );
  }

  /** The output of redis-cli; empty if the server does not answer. */
  cli(...args: readonly string[]): string {
    try {
      return execFileSync("redis-cli", ["-p", String(this.port), ...args], {
        encoding: "utf8",
        timeout: 5000,
        stdio: ["ignore", "pipe", "ignore"],
      }).trim();
    } catch {
      return "";
    }
  }
}

/** Three masters with one replica each. */
export class RedisClusterServers {
  readonly servers: readonly RedisServer[];

  private constructor(servers: readonly RedisServer[]) {
    this.servers = servers;
  }

  static async start(): Promise<RedisClusterServers> {
    const args = [
      ...["--cluster-enabled", "yes", "--cluster-node-timeout", "2000"],
      // By default a replica takes a minute to detect a silent master, and nothing is acked
      // meanwhile.
      ...["--repl-timeout", "5", "--repl-ping-replica-period", "1"],
    ];
    const servers: RedisServer[] = [];
    for (let count = 0; count < 6; count += 1) servers.push(await RedisServer.start(args));
    const addresses = servers.map(({ port }) => `127.0.0.1:${port}`);
    // Asynchronous, since it connects to the servers through proxies in this process.
    await promisify(execFile)("redis-cli", [
      ...["--cluster", "create", ...addresses, "--cluster-replicas", "1", "--cluster-yes"],
    ]);
    await until("the cluster is whole", () =>
      servers.every((server) => server.cli("cluster", "info").includes(SLOTS_OK)),
    );
    return new RedisClusterServers(servers);
  }

  get url(): string {
    return `redis+cluster://${this.servers.map(({ proxy }) => `127.0.0.1:${proxy.port}`).join(",")}`;
  }

  /** The present masters. */
  get masters(): RedisServer[] {
    return this.servers.filter((server) => server.cli("role").startsWith("master"));
  }

  /** The slot of a key. */
  slotOf(key: string): number {
    return Number(this.servers[0]?.cli("cluster", "keyslot", key));
  }

  /** The present master of a slot. */
  masterOf(slot: number): RedisServer {
    const found = this.masters.find(
      (server) => server.cli("cluster", "countkeysinslot", String(slot)) !== "0",
    );
    if (found === undefined) throw new Error(`nobody has slot ${slot}`);
    return found;
  }

  /** Moves a slot with all its keys to another master, as an operator would. */
  async moveSlot(slot: number): Promise<void> {
    const from = this.masterOf(slot);
    const to = this.masters.find((server) => server !== from);
    if (to === undefined) throw new Error("there is one master");
    const [fromId, toId] = [from, to].map((server) => server.cli("cluster", "myid"));
    to.cli("cluster", "setslot", String(slot), "importing", fromId ?? "");
    from.cli("cluster", "setslot", String(slot), "migrating", toId ?? "");
    for (;;) {
      const keys = from.cli("cluster", "getkeysinslot", String(slot), "100").split("\n");
      if (keys[0] === "") break;
      from.cli("migrate", "127.0.0.1", String(to.port), "", "0", "5000", "keys", ...keys);
    }
    for (const server of this.masters) {
      server.cli("cluster", "setslot", String(slot), "node", toId ?? "");
    }
    await until("all know the slot's master", () => this.masterOf(slot) === to);
  }

  /** Makes the replica of a slot's master take over from it, with all of its data. */
  async failOver(slot: number): Promise<void> {
    const master = this.masterOf(slot);
    const id = master.cli("cluster", "myid");
    const replica = this.servers.find((server) => {
      return server
        .cli("cluster", "nodes")
        .split("\n")
        .some((line) => {
          return line.includes("myself,slave") && line.includes(id);
        });
    });
    replica?.cli("cluster", "failover");
    await until("the replica is the master", () => this.masterOf(slot) === replica);
  }

  async remove(): Promise<void> {
    await Promise.all(this.servers.map((server) => server.remove()));
  }
}

async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  const end = Date.now() + LIMIT_MS;
  while (!(await isSo())) {
    if (Date.now() > end) throw new Error(`it never came about: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
