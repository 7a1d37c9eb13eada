// A connection to Redis of any kind: commands and subscribed channels. A command sent while
// disconnected fails at once. A command in flight when the connection is lost fails then, and Redis
// may have executed it.
import { createHash } from "node:crypto";
import { ErrorReply, RESP_TYPES, createClient, createCluster, createSentinel } from "@redis/client";
import { ShardcastError } from "@shardcast/protocol";
import { Outage } from "@shardcast/process";
import { publicReason } from "@shardcast/process";
import type { Logger } from "pino";
import { ReplicaWait } from "./replica-wait.ts";
import type { RedisTarget } from "./redis-target.ts";

/** A server that is silent for this long counts as lost. */
const SILENCE_MS = 5000;
const PING_MS = 1000;
const CONNECT_MS = 5000;
const MAX_BACKOFF_MS = 1000;
/** The maximum duration of a wait for replicas. */
const REPLICAS_WAIT_MS = 500;
const BUFFERS = { [RESP_TYPES.BLOB_STRING]: Buffer } as const;

/** An argument of a command. */
export type Argument = string | Buffer;
/** A reply: texts and values are bytes. */
export type Reply = Buffer | string | number | null | readonly Reply[];
export type ChannelListener = (payload: Buffer) => void;

/** The common interface of the three kinds of clients. */
interface RedisClient {
  connect(): Promise<unknown>;
  command(key: string, args: readonly Argument[]): Promise<unknown>;
  /** Sends WAIT on the connection that the key's commands use. */
  wait(key: string, args: readonly string[]): Promise<unknown>;
  subscribe(channel: string, listener: ChannelListener): Promise<unknown>;
  unsubscribe(channel: string): Promise<unknown>;
  destroy(): void;
}

/** A Lua script, which Redis runs atomically. */
export class Script {
  readonly text: string;
  readonly sha: string;

  constructor(text: string) {
    this.text = text;
    this.sha = createHash("sha1").update(text).digest("hex");
  }
}

export interface RedisConnectionOptions {
  readonly target: RedisTarget;
  readonly logger: Logger;
  /**
   * Certificates, in PEM, of the authorities that sign the servers' certificates. @default the
   * system's list
   */
  readonly ca?: readonly string[];
}

export class RedisConnection {
  readonly #client: RedisClient;
  readonly #outage: Outage;
  #fault: string | undefined = "not connected yet";

  constructor(options: RedisConnectionOptions) {
    const { logger } = options;
    this.#outage = new Outage({
      logger,
      begins: "Redis is out of reach",
      ends: "Redis is in reach",
    });
    this.#client = createAny(options, (error) => this.#failed(error));
  }

  /** Why the last command failed; undefined if it succeeded. */
  get fault(): string | undefined {
    return this.#fault;
  }

  /** Connects, and retries until it succeeds. */
  async connect(): Promise<void> {
    for (;;) {
      try {
        await this.#client.connect();
        this.#succeeded();
        return;
      } catch (error) {
        this.#failed(error);
        await new Promise((resolve) => setTimeout(resolve, MAX_BACKOFF_MS));
      }
    }
  }

  /**
   * @param key one of the command's keys, which selects the node of a cluster
   * @throws SHARDCAST_LOG_UNAVAILABLE
   */
  async command(key: string, args: readonly Argument[]): Promise<Reply> {
    try {
      const reply = (await this.#client.command(key, args)) as Reply;
      this.#succeeded();
      return reply;
    } catch (error) {
      throw this.#unavailable(error);
    }
  }

  /**
   * Resolves when `wanted` replicas have everything sent earlier for a key.
   * @throws SHARDCAST_LOG_UNAVAILABLE if they do not within REPLICAS_WAIT_MS
   */
  async replicated(key: string, wanted: number): Promise<void> {
    if (wanted === 0) return;
    const count = await this.#replicas(key, wanted);
    if (count >= wanted) return;
    const detail = `${String(count)} of ${wanted} replicas have it`;
    throw new ShardcastError("SHARDCAST_LOG_UNAVAILABLE", detail);
  }

  /**
   * Runs a script, by its hash if the server knows it. The first key selects the node of a cluster.
   */
  async run(script: Script, keys: readonly string[], args: readonly Argument[]): Promise<Reply> {
    const [key = ""] = keys;
    const rest = [String(keys.length), ...keys, ...args];
    try {
      return await this.command(key, ["EVALSHA", script.sha, ...rest]);
    } catch (error) {
      // The server has restarted or has flushed its scripts.
      if (!isNoScript(error)) throw error;
      return this.command(key, ["EVAL", script.text, ...rest]);
    }
  }

  /**
   * Subscribes to a channel, and again after each reconnect. Messages published while disconnected
   * are lost.
   */
  async subscribe(channel: string, listener: ChannelListener): Promise<void> {
    try {
      await this.#client.subscribe(channel, listener);
    } catch (error) {
      throw this.#unavailable(error);
    }
  }

  async unsubscribe(channel: string): Promise<void> {
    try {
      await this.#client.unsubscribe(channel);
    } catch (error) {
      throw this.#unavailable(error);
    }
  }

  close(): void {
    try {
      this.#client.destroy();
    } catch {
      // The connection was closed before it opened.
    }
  }

  async #replicas(key: string, wanted: number): Promise<number> {
    try {
      const args = ["WAIT", String(wanted), String(REPLICAS_WAIT_MS)];
      return Number(await this.#client.wait(key, args));
    } catch (error) {
      throw this.#unavailable(error);
    }
  }

  #unavailable(error: unknown): ShardcastError {
    const reason = publicReason(error);
    // An error reply also shows that the server is reachable.
    this.#fault = reason;
    return new ShardcastError("SHARDCAST_LOG_UNAVAILABLE", `Redis: ${reason}`, { cause: error });
  }

  #failed(error: unknown): void {
    this.#fault = publicReason(error);
    // Some errors have no message; the log may name the addresses.
    const fault = error instanceof Error ? error.message : String(error);
    this.#outage.failed(fault === "" ? this.#fault : fault, this.#fault);
  }

  #succeeded(): void {
    if (this.#fault === undefined) return;
    this.#fault = undefined;
    this.#outage.ended();
  }
}

/** Whether the server rejected a command, which it then has not executed. */
export function isRefusal(error: unknown): boolean {
  return error instanceof Error && error.cause instanceof ErrorReply;
}

function isNoScript(error: unknown): boolean {
  const { cause } = error as Error;
  return cause instanceof ErrorReply && cause.message.startsWith("NOSCRIPT");
}

function createAny(
  { target, ca }: RedisConnectionOptions,
  failed: (error: unknown) => void,
): RedisClient {
  const { username, password, database, isTls, group } = target;
  const common = {
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    disableOfflineQueue: true,
    pingInterval: PING_MS,
    socket: {
      connectTimeout: CONNECT_MS,
      socketTimeout: SILENCE_MS,
      reconnectStrategy: (retries: number) => Math.min(20 * 2 ** retries, MAX_BACKOFF_MS),
      ...(isTls ? { tls: true as const, ...(ca === undefined ? {} : { ca: [...ca] }) } : {}),
    },
  };
  const nodes = target.addresses.map(({ host, port }) => ({ socket: { host, port } }));
  const options = { typeMapping: BUFFERS };
  switch (target.type) {
    case "single": {
      const [node] = nodes;
      const socket = { ...common.socket, ...node?.socket };
      const client = createClient({ ...common, socket, database });
      client.on("error", failed);
      const waits = new ReplicaWait();
      return {
        connect: () => client.connect(),
        command: (_key, args) => client.sendCommand(args, options),
        wait: (_key, args) => waits.wait(() => client.sendCommand(args, options)),
        subscribe: (channel, listener) => client.sSubscribe(channel, listener, true),
        unsubscribe: (channel) => client.sUnsubscribe(channel),
        destroy: () => client.destroy(),
      };
    }
    case "cluster": {
      const cluster = createCluster({
        rootNodes: nodes.map(({ socket }) => ({ socket: { ...common.socket, ...socket } })),
        defaults: common,
      });
      cluster.on("error", failed);
      const waits = new WeakMap<object, ReplicaWait>();
      return {
        connect: () => cluster.connect(),
        command: (key, args) => cluster.sendCommand(key, false, [...args], options),
        wait: async (key, args) => {
          // Sent through the cluster client, WAIT would block all of its masters.
          const node = await cluster.getNodeClientForKey(key, false);
          const ofNode = waits.get(node) ?? new ReplicaWait();
          waits.set(node, ofNode);
          return ofNode.wait(() => node.sendCommand(args, options));
        },
        subscribe: (channel, listener) => cluster.sSubscribe(channel, listener, true),
        unsubscribe: async (channel) => cluster.sUnsubscribe(channel),
        destroy: () => cluster.destroy(),
      };
    }
    case "sentinel": {
      const sentinel = createSentinel({
        name: group,
        sentinelRootNodes: [...target.addresses],
        nodeClientOptions: common,
        sentinelClientOptions: isTls ? { socket: common.socket } : {},
      });
      sentinel.on("error", failed);
      const waits = new ReplicaWait();
      return {
        connect: () => sentinel.connect(),
        command: (_key, args) => sentinel.sendCommand(false, [...args], options),
        wait: (_key, args) => waits.wait(() => sentinel.sendCommand(false, [...args], options)),
        subscribe: (channel, listener) => sentinel.sSubscribe(channel, listener, true),
        unsubscribe: async (channel) => sentinel.sUnsubscribe(channel),
        destroy: () => void sentinel.destroy(),
      };
    }
  }
}
