// Each topic goes straight to its owner. Who that is, any node tells: the ring is fetched from GET /cluster,
// and again when a node says that it is not the owner, when owners cannot be reached, or are about to stop.
import { Ring, ShardcastError, backoffMs, type RingMember } from "@shardcast/protocol";
import { fetchCluster, type Cluster } from "./cluster.ts";
import type { ConnectionContext } from "./connection.ts";
import { ConnectionPool } from "./connection-pool.ts";
import type { Route } from "./route.ts";

/** How long one node may take to describe its cluster. */
const FETCH_TIMEOUT_MS = 5000;
/** How long the first link may take before another owner is tried beside it. */
const STAGGER_MS = 300;
/** Topics whose owner is remembered; more of them start the memory anew. */
const REMEMBERED_TOPICS = 10_000;

export class DirectRoute implements Route {
  readonly #url: string;
  readonly #context: ConnectionContext;
  readonly #pools = new Map<string, ConnectionPool>();
  readonly #remembered = new Map<string, ConnectionPool>();
  readonly #abort = new AbortController();
  #ring: Ring | undefined;
  #isRefreshing = false;
  #cancelWait: (() => void) | undefined;

  /** @param url a base URL of any node */
  constructor(url: string, context: ConnectionContext) {
    this.#url = url;
    this.#context = context;
  }

  get pools(): Iterable<ConnectionPool> {
    return this.#pools.values();
  }

  async open(): Promise<void> {
    const { nodeId, consumers } = await this.#fetchUntilAnswered();
    this.#ring = new Ring(consumers);
    // One owner that can be reached is enough to begin with; the node that was named is the likeliest.
    const members = this.#shuffle(consumers);
    members.sort((a, b) => Number(b.id === nodeId) - Number(a.id === nodeId));
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

  poolToPublish(topic: string): ConnectionPool {
    return this.#poolOf(topic);
  }

  poolToFollow(topic: string): ConnectionPool {
    return this.#poolOf(topic);
  }

  refresh(): void {
    if (this.#isRefreshing || this.#ring === undefined) return;
    this.#isRefreshing = true;
    this.#fetchFromAny().then(
      (cluster) => {
        this.#isRefreshing = false;
        this.#adopt(cluster.consumers);
      },
      (error: unknown) => {
        // Nobody answers, or with what cannot be used. The links that keep failing ask for the next try.
        this.#isRefreshing = false;
        if (error instanceof ShardcastError && !error.retryable) this.#tell(error);
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
    if (this.#ring === undefined) throw new ShardcastError("SHARDCAST_OWNER_UNAVAILABLE");
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

  /** Goes by another ring from now on: moves what has another owner, closes what is no owner any more. */
  #adopt(consumers: readonly RingMember[]): void {
    if (this.#abort.signal.aborted || isSame(consumers, this.#ring?.members ?? [])) return;
    this.#ring = new Ring(consumers);
    this.#remembered.clear();
    for (const pool of [...this.#pools.values()]) {
      const moved = pool.take((topic) => this.#poolOf(topic) !== pool);
      for (const publication of moved.publications) {
        this.#poolOf(publication.topic).send(publication);
      }
      for (const attendant of moved.attendants) {
        this.#poolOf(attendant.presenceTopic).attend(attendant);
      }
      for (const follower of moved.followers) this.#poolOf(follower.topic).follow(follower);
    }
    const urls = new Set(consumers.map(({ url }) => url));
    for (const [url, pool] of this.#pools) {
      if (urls.has(url)) continue;
      this.#pools.delete(url);
      pool.close();
    }
  }

  async #fetchUntilAnswered(): Promise<Cluster> {
    const { settings, runtime } = this.#context;
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await this.#fetch(this.#url);
      } catch (error) {
        this.#report(error);
        await this.#wait(backoffMs(settings.reconnect, attempt, runtime.random()));
      }
    }
  }

  async #fetchFromAny(): Promise<Cluster> {
    const known = this.#ring?.members.map(({ url }) => url) ?? [];
    let last: unknown;
    for (const url of this.#shuffle([this.#url, ...known])) {
      try {
        return await this.#fetch(url);
      } catch (error) {
        last = error;
      }
    }
    throw last;
  }

  #fetch(url: string): Promise<Cluster> {
    const timeout = AbortSignal.timeout(FETCH_TIMEOUT_MS);
    const signal = AbortSignal.any([this.#abort.signal, timeout]);
    return fetchCluster(url, this.#context.runtime, signal);
  }

  #report(error: unknown): void {
    if (this.#abort.signal.aborted || !(error instanceof ShardcastError)) return;
    // A cluster that is not one will not become one.
    if (!error.retryable) this.#context.failed(error);
    this.#tell(error);
  }

  #tell(error: ShardcastError): void {
    const link = { state: "failed", node: undefined, url: this.#url } as const;
    this.#context.link({ ...link, endpoint: "connect", error });
  }

  /** Never ends where the route is closed meanwhile. */
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

function isSame(consumers: readonly RingMember[], members: readonly RingMember[]): boolean {
  if (consumers.length !== members.length) return false;
  const urls = new Map(members.map(({ id, url }) => [id, url]));
  return consumers.every(({ id, url }) => urls.get(id) === url);
}
