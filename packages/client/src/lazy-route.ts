// Holds what the client asks for until its route is known: direct routing is loaded when it is used, and needs a node's
// answer first.
import { ShardcastError, backoffMs } from "@shardcast/protocol";
import type { Attendant } from "./attending.ts";
import type { ClusterRoute } from "./cluster-route.ts";
import type { ConnectionContext } from "./connection.ts";
import type { ConnectionPool } from "./connection-pool.ts";
import type { Publication } from "./publication.ts";
import type { ReadRequest } from "./reading.ts";
import type { TopicFollower } from "./topic-follower.ts";

export interface LazyRouteOptions {
  /** The node that is asked for the route. */
  readonly url: string;
  /** Finds the route. Called again after an error that may be temporary. */
  readonly find: (signal: AbortSignal) => Promise<ClusterRoute>;
}

export class LazyRoute implements ClusterRoute {
  readonly #options: LazyRouteOptions;
  readonly #context: ConnectionContext;
  readonly #abort = new AbortController();
  #route: ClusterRoute | undefined;
  /** Everything that waits for the route, in order. */
  #waiting: ((route: ClusterRoute) => void)[] = [];
  #cancelRetry: (() => void) | undefined;

  constructor(options: LazyRouteOptions, context: ConnectionContext) {
    this.#options = options;
    this.#context = context;
  }

  get pools(): Iterable<ConnectionPool> {
    return this.#route?.pools ?? [];
  }

  async open(): Promise<void> {
    const route = await this.#found();
    this.#route = route;
    for (const place of this.#waiting.splice(0)) place(route);
    await route.open();
  }

  send(publication: Publication): void {
    this.#place((route) => {
      if (!publication.isSettled) route.send(publication);
    });
  }

  follow(follower: TopicFollower): void {
    this.#place((route) => {
      if (!follower.isEnded) route.follow(follower);
    });
  }

  attend(attendant: Attendant): void {
    this.#place((route) => {
      if (!attendant.isEnded) route.attend(attendant);
    });
  }

  read(request: ReadRequest): void {
    this.#place((route) => route.read(request));
  }

  refresh(): void {
    this.#route?.refresh();
  }

  close(): void {
    this.#abort.abort();
    this.#waiting = [];
    this.#cancelRetry?.();
    this.#route?.close();
  }

  /** Never resolves if the route is closed meanwhile. */
  #found(): Promise<ClusterRoute> {
    const { runtime, settings } = this.#context;
    return new Promise((resolve) => {
      const attempt = (count: number): void => {
        this.#options.find(this.#abort.signal).then(
          (route) => {
            if (this.#abort.signal.aborted) route.close();
            else resolve(route);
          },
          (error: unknown) => {
            if (this.#abort.signal.aborted) return;
            this.#failed(error);
            const waitMs = backoffMs(settings.reconnect, count, runtime.random());
            this.#cancelRetry = runtime.after(waitMs, () => attempt(count + 1));
          },
        );
      };
      attempt(0);
    });
  }

  #failed(cause: unknown): void {
    const { onLink, onFail } = this.#context;
    const { url } = this.#options;
    const error =
      cause instanceof ShardcastError
        ? cause
        : new ShardcastError("SHARDCAST_LINK_LOST", `${url}: ${String(cause)}`, { cause });
    onLink({ state: "failed", node: undefined, url, endpoint: "connect", error });
    // The address is not that of a compatible cluster, and a retry will not change that.
    if (!error.retryable) onFail(error);
  }

  #place(place: (route: ClusterRoute) => void): void {
    if (this.#route === undefined) this.#waiting.push(place);
    else place(this.#route);
  }
}
