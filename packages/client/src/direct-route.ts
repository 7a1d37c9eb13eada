// Connects to the owner of each topic. The client fetches the ring from any node (GET /cluster), and again when a node
// answers that it is not the owner, and when owners are unreachable or about to stop.
import { Ring, ShardcastError, type RingMember } from "@shardcast/protocol";
import type { Attendant } from "./attending.ts";
import { fetchCluster, type ClusterDescription } from "./cluster.ts";
import type { ConnectionContext } from "./connection.ts";
import { ConnectionPool } from "./connection-pool.ts";
import type { ClusterRoute } from "./cluster-route.ts";
import type { Publication } from "./publication.ts";
import type { ReadRequest } from "./reading.ts";
import type { TopicFollower } from "./topic-follower.ts";

/** How long one node may take to describe its cluster, in ms. */
const FETCH_TIMEOUT_MS = 5000;
/** How long the first link may take before another owner is tried in parallel, in ms. */
const STAGGER_MS = 300;
/** Maximum number of topics in the cache of owners. At the limit the cache is cleared. */
const REMEMBERED_TOPICS = 10_000;

/**
 * Fetches the ring from the node at `url`, a base URL.
 * @throws the errors of `fetchCluster`
 */
export async function fetchDirectRoute(
  url: string,
  context: ConnectionContext,
  signal: AbortSignal,
): Promise<DirectRoute> {
  return new DirectRoute(url, await fetchFrom(url, context, signal), context);
}

export class DirectRoute implements ClusterRoute {
  readonly #url: string;
  readonly #context: ConnectionContext;
  readonly #pools = new Map<string, ConnectionPool>();
  readonly #remembered = new Map<string, ConnectionPool>();
  readonly #abort = new AbortController();
  /** The node that described the cluster. */
  readonly #nodeId: string;
  #ring: Ring;
  #isRefreshing = false;
  #cancelWait: (() => void) | undefined;

  /** @param url a base URL of any node */
  constructor(url: string, { nodeId, consumers }: ClusterDescription, context: ConnectionContext) {
    this.#url = url;
    this.#context = context;
    this.#nodeId = nodeId;
    this.#ring = new Ring(consumers);
  }

  get pools(): Iterable<ConnectionPool> {
    return this.#pools.values();
  }

  async open(): Promise<void> {
    // One reachable owner is enough to start. The configured node is the most likely one.
    const members = this.#shuffle(this.#ring.members);
    members.sort((a, b) => Number(b.id === this.#nodeId) - Number(a.id === this.#nodeId));
    const opened: Promise<void>[] = [];
    for (const { url } of members) {
      opened.push(this.#poolAt(url).opened);
      const isOpen = await Promise.race([
        ...opened.map((promise) => promise.then(() => true)),
        this.#wait(STAGGER_MS).then(() => false),
      ]);
      this.#cancelWait?.();
      if (isOpen) return;
    }
    await Promise.race(opened);
  }

  send(publication: Publication): void {
    this.#poolOf(publication.topic).send(publication);
  }

  follow(follower: TopicFollower): void {
    this.#poolOf(follower.topic).follow(follower);
  }

  attend(attendant: Attendant): void {
    this.#poolOf(attendant.presenceTopic).attend(attendant);
  }

  read(request: ReadRequest): void {
    this.#poolOf(request.topic).read(request);
  }

  refresh(): void {
    if (this.#isRefreshing) return;
    this.#isRefreshing = true;
    this.#fetchFromAny().then(
      (cluster) => {
        this.#isRefreshing = false;
        this.#adopt(cluster.consumers);
      },
      (error: unknown) => {
        // No node gave a usable answer. Links that keep failing will request the next refresh.
        this.#isRefreshing = false;
        if (error instanceof ShardcastError && !error.retryable) this.#report(error);
      },
    );
  }

  close(): void {
    this.#abort.abort();
    this.#cancelWait?.();
    for (const pool of this.#pools.values()) pool.close();
  }

  #poolOf(topic: string): ConnectionPool {
    const remembered = this.#remembered.get(topic);
    if (remembered !== undefined) return remembered;
    const pool = this.#poolAt(this.#ring.ownerOf(topic).url);
    if (this.#remembered.size >= REMEMBERED_TOPICS) this.#remembered.clear();
    this.#remembered.set(topic, pool);
    return pool;
  }

  #poolAt(url: string): ConnectionPool {
    let pool = this.#pools.get(url);
    if (pool === undefined) {
      pool = new ConnectionPool({ endpoint: "connect", urls: [url] }, this.#context);
      this.#pools.set(url, pool);
    }
    return pool;
  }

  /** Switches to a new ring: moves everything that has another owner, and closes pools of former owners. */
  #adopt(consumers: readonly RingMember[]): void {
    if (this.#abort.signal.aborted || isSame(consumers, this.#ring.members)) return;
    this.#ring = new Ring(consumers);
    this.#remembered.clear();
    for (const pool of [...this.#pools.values()]) {
      const moved = pool.take((topic) => this.#poolOf(topic) !== pool);
      for (const publication of moved.publications) this.send(publication);
      for (const attendant of moved.attendants) this.attend(attendant);
      for (const follower of moved.followers) this.follow(follower);
    }
    const urls = new Set(consumers.map(({ url }) => url));
    for (const [url, pool] of this.#pools) {
      if (urls.has(url)) continue;
      this.#pools.delete(url);
      pool.close();
    }
  }

  async #fetchFromAny(): Promise<ClusterDescription> {
    const known = this.#ring.members.map(({ url }) => url);
    let last: unknown;
    for (const url of this.#shuffle([this.#url, ...known])) {
      try {
        return await fetchFrom(url, this.#context, this.#abort.signal);
      } catch (error) {
        last = error;
      }
    }
    throw last;
  }

  #report(error: ShardcastError): void {
    if (this.#abort.signal.aborted) return;
    const link = { state: "failed", node: undefined, url: this.#url } as const;
    this.#context.onLink({ ...link, endpoint: "connect", error });
  }

  /** Never resolves if the route is closed meanwhile. */
  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      if (!this.#abort.signal.aborted) this.#cancelWait = this.#context.runtime.after(ms, resolve);
    });
  }

  #shuffle<Item>(items: readonly Item[]): Item[] {
    return items
      .map((item) => ({ item, rank: this.#context.runtime.random() }))
      .sort((a, b) => a.rank - b.rank)
      .map(({ item }) => item);
  }
}

/** @param signal aborts the request, for example when the client is closed */
async function fetchFrom(
  url: string,
  { runtime }: ConnectionContext,
  signal: AbortSignal,
): Promise<ClusterDescription> {
  const request = new AbortController();
  const abort = (): void => request.abort(signal.reason);
  const cancelTimeout = runtime.after(FETCH_TIMEOUT_MS, () =>
    request.abort(new Error(`no answer within ${FETCH_TIMEOUT_MS} ms`)),
  );
  signal.addEventListener("abort", abort);
  try {
    signal.throwIfAborted();
    return await fetchCluster(url, runtime, request.signal);
  } finally {
    cancelTimeout();
    signal.removeEventListener("abort", abort);
  }
}

function isSame(consumers: readonly RingMember[], members: readonly RingMember[]): boolean {
  if (consumers.length !== members.length) return false;
  const urls = new Map(members.map(({ id, url }) => [id, url]));
  return consumers.every(({ id, url }) => urls.get(id) === url);
}
