// Redis in typical deployments: with TLS and users, and with Sentinels.
import { execFileSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually, freePort, RedisServer, spawnTied } from "@shardcast/faults";

/**
 * A server that accepts clients only with TLS, with a certificate signed by the folder's own
 * authority.
 */
export class TlsRedis {
  readonly server: RedisServer;
  readonly port: number;
  /** The authority's certificate. */
  readonly caFile: string;
  readonly #folder: string;

  private constructor(server: RedisServer, port: number, folder: string) {
    this.server = server;
    this.port = port;
    this.caFile = join(folder, "ca.crt");
    this.#folder = folder;
  }

  static async start(): Promise<TlsRedis> {
    const folder = mkdtempSync(join(tmpdir(), "shardcast-tls-"));
    const openssl = (...args: string[]): void => {
      execFileSync("openssl", args, { cwd: folder, stdio: "ignore" });
    };
    const key = ["-newkey", "rsa:2048", "-nodes", "-days", "2"];
    openssl("req", "-x509", ...key, "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=test ca");
    openssl("req", ...key.slice(0, 3), "-keyout", "r.key", "-out", "r.csr", "-subj", "/CN=redis");
    writeFileSync(join(folder, "san"), "subjectAltName=IP:127.0.0.1,DNS:localhost");
    const signed = ["-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "san"];
    openssl("x509", "-req", "-in", "r.csr", ...signed, "-days", "2", "-out", "r.crt");
    const port = await freePort();
    const server = await RedisServer.start([
      ...["--tls-port", String(port), "--tls-auth-clients", "no"],
      ...["--tls-cert-file", join(folder, "r.crt"), "--tls-key-file", join(folder, "r.key")],
      ...["--tls-ca-cert-file", join(folder, "ca.crt")],
    ]);
    return new TlsRedis(server, port, folder);
  }

  url(user: string, password: string): string {
    return `rediss://${user}:${password}@127.0.0.1:${this.port}`;
  }

  async remove(): Promise<void> {
    await this.server.remove();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

const GROUP = "main";
const SENTINELS = 3;

/** A master, two replicas, and three Sentinels that promote a replica if the master fails. */
export class SentinelRedis {
  readonly servers: readonly RedisServer[];
  readonly #sentinels: readonly ChildProcess[];
  readonly #ports: readonly number[];
  readonly #folder: string;

  private constructor(
    servers: readonly RedisServer[],
    ports: readonly number[],
    sentinels: readonly ChildProcess[],
    folder: string,
  ) {
    this.servers = servers;
    this.#ports = ports;
    this.#sentinels = sentinels;
    this.#folder = folder;
  }

  static async start(): Promise<SentinelRedis> {
    const folder = mkdtempSync(join(tmpdir(), "shardcast-sentinel-"));
    const quick = ["--repl-timeout", "5", "--repl-ping-replica-period", "1"];
    const master = await RedisServer.start(quick);
    const follow = ["--replicaof", "127.0.0.1", String(master.port)];
    const replicas = [
      await RedisServer.start([...quick, ...follow]),
      await RedisServer.start([...quick, ...follow]),
    ];
    await eventually("replicas", () => {
      const role = master.cli("role");
      return replicas.every(({ port }) => role.includes(String(port)));
    });
    const ports: number[] = [];
    const sentinels: ChildProcess[] = [];
    for (let number = 0; number < SENTINELS; number += 1) {
      const port = await freePort();
      const file = join(folder, `sentinel-${number}.conf`);
      writeFileSync(
        file,
        [
          `port ${port}`,
          "bind 127.0.0.1",
          `dir ${folder}`,
          `sentinel monitor ${GROUP} 127.0.0.1 ${master.port} 2`,
          `sentinel down-after-milliseconds ${GROUP} 1000`,
          `sentinel failover-timeout ${GROUP} 5000`,
        ].join("\n"),
      );
      ports.push(port);
      sentinels.push(spawnTied("redis-server", [file, "--sentinel"], { stdio: "ignore" }));
    }
    const redis = new SentinelRedis([master, ...replicas], ports, sentinels, folder);
    await eventually("Sentinels that know one another and the replica", () => {
      return ports.every((port) => {
        const told = redis.#cli(port, "sentinel", "master", GROUP).split("\n");
        const field = (name: string): string => told[told.indexOf(name) + 1] ?? "";
        return field("num-other-sentinels") === "2" && field("num-slaves") === "2";
      });
    });
    return redis;
  }

  get url(): string {
    const addresses = this.#ports.map((port) => `127.0.0.1:${port}`).join(",");
    return `redis+sentinel://${addresses}/${GROUP}`;
  }

  async remove(): Promise<void> {
    await Promise.all(
      this.#sentinels.map(async (sentinel) => {
        const exited = once(sentinel, "exit");
        sentinel.kill("SIGKILL");
        await exited;
      }),
    );
    await Promise.all(this.servers.map((server) => server.remove()));
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #cli(port: number, ...args: string[]): string {
    try {
      return execFileSync("redis-cli", ["-p", String(port), ...args], {
        encoding: "utf8",
        stdio: ["ignore", "pipe", "ignore"],
      });
    } catch {
      return "";
    }
  }
}
