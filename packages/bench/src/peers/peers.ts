// The systems under measurement, each configured as its documentation recommends for this use.
import { accessSync, constants, mkdirSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Dialect } from "../load/load.ts";
import { ServerProcess } from "./server-process.ts";
import {
  freePort,
  startConsumer,
  startProducer,
  startRedis,
  type NodeBins,
} from "./shardcast-nodes.ts";

export interface BenchBins extends NodeBins {
  readonly peerServer: URL;
  readonly load: URL;
}

export interface StartedPeer {
  readonly processes: readonly ServerProcess[];
  readonly port: number;
  /** The producer's port, if a producer was requested. */
  readonly producerPort?: number;
}

export interface Peer {
  readonly name: string;
  readonly dialect: Dialect;
  /** How to install a missing program; undefined if none is missing. */
  readonly missing: () => string | undefined;
  /** @param hops "two" to publish through a producer, if the system has one */
  readonly start: (bins: BenchBins, folder: string, hops?: "one" | "two") => Promise<StartedPeer>;
}

export const PEERS: readonly Peer[] = [
  shardcast("memory"),
  shardcast("lmdb"),
  {
    name: "shardcast-redis",
    dialect: "shardcast",
    missing: missingRedis,
    start: async (bins, folder, hops = "one") => {
      const redis = await startRedis(folder);
      const port = await freePort();
      const args = ["--log=redis"];
      const consumer = await startConsumer({ bins, port, args, redis: redis.url });
      const processes = [consumer, redis.process];
      if (hops === "one") return { processes, port };
      const producerPort = await freePort();
      const common = { bins, port: producerPort, consumerPort: port, redis: redis.url };
      return { processes: [...processes, await startProducer(common)], port, producerPort };
    },
  },
  nodePeer("limit", "bare"),
  nodePeer("ws", "bare"),
  nodePeer("socket.io", "socket.io"),
  {
    name: "nats",
    dialect: "nats",
    missing: () => missingProgram("nats-server", "nats-server"),
    start: (_bins, folder) =>
      external(folder, "nats.conf", (port) => ({
        command: "nats-server",
        config: `host: 127.0.0.1\nport: -1\nwebsocket { host: "127.0.0.1", port: ${port}, no_tls: true }\n`,
        args: (file) => ["-c", file],
        ready: /Server is ready/,
      })),
  },
  {
    name: "nchan",
    dialect: "nchan",
    missing: () => missingProgram("nginx", "nginx libnginx-mod-nchan"),
    start: (_bins, folder) => {
      mkdirSync(join(folder, "logs"), { recursive: true });
      return external(folder, "nginx.conf", (port) => ({
        command: "nginx",
        config: nginxConfig(folder, port),
        args: (file) => ["-p", folder, "-c", file],
        ready: /start worker process/,
      }));
    },
  },
  {
    name: "mosquitto",
    dialect: "mqtt",
    missing: () => missingProgram("mosquitto", "mosquitto"),
    start: (_bins, folder) =>
      external(folder, "mosquitto.conf", (port) => ({
        command: "mosquitto",
        config: `listener ${port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\nset_tcp_nodelay true\n`,
        args: (file) => ["-c", file, "-v"],
        ready: /running/,
      })),
  },
];

function shardcast(log: "memory" | "lmdb"): Peer {
  return {
    name: log === "memory" ? "shardcast" : `shardcast-${log}`,
    dialect: "shardcast",
    missing: () => undefined,
    start: async (bins, folder, hops = "one") => {
      const port = await freePort();
      const args = [`--log=${log}`, `--data=${folder}`];
      const consumer = await startConsumer({ bins, port, args });
      if (hops === "one") return { processes: [consumer], port };
      const producerPort = await freePort();
      const producer = await startProducer({ bins, port: producerPort, consumerPort: port });
      return { processes: [consumer, producer], port, producerPort };
    },
  };
}

function nodePeer(name: string, dialect: Dialect): Peer {
  return {
    name,
    dialect,
    missing: () => undefined,
    start: async ({ peerServer }) => {
      const port = await freePort();
      const args = [fileURLToPath(peerServer), name, `${port}`];
      const command = { command: process.execPath, args, ready: /^ready/ };
      return { processes: [await ServerProcess.start(command)], port };
    },
  };
}

interface External {
  readonly command: string;
  readonly config: string;
  readonly args: (file: string) => string[];
  readonly ready: RegExp;
}

async function external(
  folder: string,
  fileName: string,
  describe: (port: number) => External,
): Promise<StartedPeer> {
  const port = await freePort();
  const { command, config, args, ready } = describe(port);
  const file = join(folder, fileName);
  writeFileSync(file, config);
  return { processes: [await ServerProcess.start({ command, args: args(file), ready })], port };
}

function nginxConfig(folder: string, port: number): string {
  return `load_module /usr/lib/nginx/modules/ngx_nchan_module.so;
daemon off;
worker_processes 1;
worker_rlimit_nofile 20000;
pid ${folder}/nginx.pid;
error_log stderr notice;
events { worker_connections 19000; }
http {
  access_log off;
  nchan_shared_memory_size 1024M;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  server {
    listen 127.0.0.1:${port} backlog=4096;
    tcp_nodelay on;
    keepalive_requests 1000000000;
    location ~ ^/publish/(.+)$ { nchan_publisher; nchan_channel_id $1; nchan_message_buffer_length 256; }
    location ~ ^/subscribe/(.+)$ { nchan_subscriber websocket; nchan_channel_id $1; nchan_subscriber_first_message newest; }
  }
}
`;
}

/** How to install the server for `--log redis`; undefined if it is installed. */
export function missingRedis(): string | undefined {
  return missingProgram("redis-server", "redis-server");
}

function missingProgram(program: string, packages: string): string | undefined {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin"];
  const isThere = folders.some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
  return isThere ? undefined : `${program} is not installed: apt-get install ${packages}`;
}
