// A running cluster, as a test uses it.
/// <reference lib="esnext.disposable" preserve="true" />
import { connect, type Client, type ConnectOptions } from "@shardcast/client";
import { Ring, ShardcastError } from "@shardcast/protocol";
import type { ClusterNode } from "./cluster-node.ts";
import type { Network } from "./network.ts";
import { signToken, type TokenClaims } from "./tokens.ts";

/** Clients connect again soon after a fault. */
const RECONNECT = { minMs: 20, maxMs: 500 };

export interface ClusterParts {
  readonly psk: string;
  readonly tokenSecret: string;
  readonly network: Network;
  readonly consumers: readonly ClusterNode[];
  readonly producers: readonly ClusterNode[];
  /** Releases what the nodes share, after they have stopped. */
  readonly release: () => Promise<void>;
}

export class Cluster {
  /** The pre-shared key. */
  readonly psk: string;
  /** The secret of the tokens, for a back end under test (HS256). */
  readonly tokenSecret: string;
  /** The faults between clients and nodes, and between nodes. */
  readonly network: Network;
  readonly #parts: ClusterParts;
  readonly #ring: Ring;
  readonly #clients = new Set<Client>();
  #closing: Promise<void> | undefined;

  /** @internal */
  constructor(parts: ClusterParts) {
    this.#parts = parts;
    this.psk = parts.psk;
    this.tokenSecret = parts.tokenSecret;
    this.network = parts.network;
    this.#ring = new Ring(parts.consumers);
  }

  /** The address of the first consumer that runs, as `ws://127.0.0.1:<port>`. */
  get url(): string {
    const { consumers } = this.#parts;
    const first = consumers.find(({ isRunning }) => isRunning) ?? consumers[0];
    return first?.url ?? "";
  }

  /** The addresses of c1, c2, and so on. They stay the same when nodes are restarted. */
  get consumers(): readonly string[] {
    return this.#parts.consumers.map(({ url }) => url);
  }

  /** The addresses of p1, p2, and so on. */
  get producers(): readonly string[] {
    return this.#parts.producers.map(({ url }) => url);
  }

  /** Returns the id of the consumer that owns a topic: the one to kill. */
  ownerOf(topic: string): string {
    return this.#ring.ownerOf(topic).id;
  }

  /**
   * Connects a client, which is closed with the cluster. Without other options, it connects to `url` with the cluster's
   * key, and waits 20 to 500 ms before it connects again.
   */
  async connect(options: ConnectOptions = {}): Promise<Client> {
    const { url, producers, consumers, psk, token, getToken } = options;
    const hasAddress = (url ?? producers ?? consumers) !== undefined;
    const hasCredentials = (psk ?? token ?? getToken) !== undefined;
    const client = await connect({
      reconnect: RECONNECT,
      ...(hasAddress ? {} : { url: this.url }),
      ...(hasCredentials ? {} : { psk: this.psk }),
      ...options,
    });
    if (this.#closing === undefined) this.#clients.add(client);
    else client.close();
    return client;
  }

  /** Signs a token for a client: `cluster.connect({ token })`. */
  token(claims: TokenClaims): Promise<string> {
    return signToken(this.#parts.tokenSecret, claims);
  }

  /**
   * Resets the sockets of a node at once, without notice to anyone, and stops it. Messages that it has acked are on its
   * disk with `log: "lmdb"`, and lost with `log: "memory"`.
   * @throws SHARDCAST_OPTION_INVALID if there is no such node
   */
  async kill(id: string): Promise<void> {
    await this.#node(id).kill();
  }

  /**
   * Starts a node again at the same address; kills it first if it runs. Resolves when it accepts connections.
   * @throws SHARDCAST_OPTION_INVALID if there is no such node
   */
  async restart(id: string): Promise<void> {
    const node = this.#node(id);
    if (this.#closing !== undefined) {
      throw new ShardcastError("SHARDCAST_CLOSED", "the cluster is closed");
    }
    await node.kill();
    await node.start();
  }

  /** Closes the clients, stops the nodes and removes their data. Later calls return the same promise. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(): Promise<void> {
    for (const client of this.#clients) client.close();
    const { consumers, producers, release } = this.#parts;
    const results = await Promise.allSettled([...consumers, ...producers].map((one) => one.kill()));
    await release();
    for (const result of results) if (result.status === "rejected") throw result.reason;
  }

  #node(id: string): ClusterNode {
    const nodes = [...this.#parts.consumers, ...this.#parts.producers];
    const node = nodes.find((one) => one.id === id);
    if (node !== undefined) return node;
    const ids = nodes.map((one) => one.id).join(", ");
    throw new ShardcastError(
      "SHARDCAST_OPTION_INVALID",
      `${id} is not a node; the nodes are ${ids}`,
    );
  }
}
