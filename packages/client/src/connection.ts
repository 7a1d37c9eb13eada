// A lasting connection to one destination in the cluster. It uses one link after another.
//
// At most one link is open, and at most one is being opened. When the new link is open, it takes over, whether the
// old link is already lost or still open (for example when a node asks its clients to move).
import {
  ShardcastError,
  backoffMs,
  type Endpoint,
  type Frame,
  type Credentials,
  type WelcomeFrame,
} from "@shardcast/protocol";
import { Attending } from "./attending.ts";
import type { CredentialSource } from "./credential-source.ts";
import { Following } from "./following.ts";
import { Link, type LinkOwner } from "./link.ts";
import type { LinkEnd } from "./link-end.ts";
import type { Settings } from "./options.ts";
import { PageRequests } from "./reading.ts";
import type { Runtime } from "./runtime.ts";
import { CLOCK_REQUESTS, Requests } from "./requests.ts";
import { Sender } from "./sender.ts";
import { isStable } from "./stable.ts";

/** A client's link to a node was opened, was lost, or could not be opened. */
export interface LinkEvent {
  readonly state: "open" | "lost" | "failed";
  /** The node's id; undefined if the link never opened. */
  readonly node: string | undefined;
  /** `ws(s)://host:port` */
  readonly url: string;
  readonly endpoint: Endpoint;
  /** Why the link was lost or failed; undefined if the client itself closed it. */
  readonly error: ShardcastError | undefined;
}

/** Shared by all connections of a client. */
export interface ConnectionContext {
  readonly settings: Settings;
  readonly runtime: Runtime;
  readonly credentials: CredentialSource;
  readonly onLink: (event: LinkEvent) => void;
  /** An attempt to connect failed with an error that every further attempt would repeat. */
  readonly onFail: (error: ShardcastError) => void;
  /** The cluster may have changed since this connection was chosen. */
  readonly onStale: () => void;
  /** A node accepted a token for this user. */
  readonly onAuthorized: (user: string) => void;
}

/** An endpoint, and the nodes that serve it. */
export interface Destination {
  readonly endpoint: Endpoint;
  /** Equivalent nodes. The connection starts with a random one, and proceeds to the next after a failure. */
  readonly urls: readonly string[];
}

/** How long a node may take to answer a ping after a wake or a change of networks, in ms. */
const URGENT_TIMEOUT_MS = 2000;
/** After this many failures in a row, the connection reports that the cluster may have changed. */
const STALE_FROM_FAILURES = 2;
/** Each node in a row that does not answer in time doubles the probe timeout, up to 2^5, as the line may be slow. */
const MAX_DOUBLINGS = 5;

interface OpenLink {
  readonly link: Link;
  readonly nodeId: string;
  readonly openedAt: number;
}

export class Connection implements LinkOwner {
  readonly sender: Sender;
  readonly following: Following;
  readonly attending = new Attending();
  readonly pages = new PageRequests();
  readonly clock = new Requests(CLOCK_REQUESTS);
  /** Resolves when a link has opened for the first time. */
  readonly opened: Promise<void>;
  readonly #destination: Destination;
  readonly #context: ConnectionContext;
  #current: OpenLink | undefined;
  #next: Link | undefined;
  /** Whether it is waiting for a token for the next link. */
  #isWaiting = false;
  #urlIndex: number;
  #failureCount = 0;
  /** Number of links in a row that were given up because nothing arrived, without an ack in between. */
  #silentCount = 0;
  #cancelRetry: (() => void) | undefined;
  #cancelMove: (() => void) | undefined;
  #isClosed = false;
  #resolveOpened: () => void = () => undefined;

  /** @param onUnused called when the last follower has left */
  constructor(
    destination: Destination,
    context: ConnectionContext,
    onUnused: (connection: Connection) => void,
  ) {
    const { settings, runtime, onStale } = context;
    this.#destination = destination;
    this.#context = context;
    this.#urlIndex = Math.floor(runtime.random() * destination.urls.length);
    this.sender = new Sender({ backoff: settings.reconnect, runtime, onMisrouted: onStale });
    this.following = new Following(() => onUnused(this));
    this.opened = new Promise((resolve) => {
      this.#resolveOpened = resolve;
    });
    this.#dial();
  }

  /** The node of the open link. */
  get node(): { readonly node: string; readonly url: string } | undefined {
    if (this.#current === undefined) return undefined;
    return { node: this.#current.nodeId, url: this.#current.link.url };
  }

  /**
   * Checks the link. Without a link, tries to open one immediately.
   * @returns whether the node answered
   */
  probe(isUrgent: boolean): Promise<boolean> {
    if (this.#cancelRetry !== undefined) {
      this.#cancelRetry();
      this.#cancelRetry = undefined;
      this.#dial();
    }
    return this.#current?.link.probe(isUrgent) ?? Promise.resolve(false);
  }

  unansweredBytes(): number {
    return this.sender.inFlightBytes;
  }

  /** Ends the link. The caller must have removed everything that the connection carried. */
  close(): void {
    this.#isClosed = true;
    this.#cancelRetry?.();
    this.#next?.close();
    this.#next = undefined;
    if (this.#current !== undefined) this.#leave(this.#current);
    this.sender.close();
  }

  linkOpened(link: Link, welcome: WelcomeFrame): void {
    if (this.#current !== undefined) this.#leave(this.#current);
    this.#next = undefined;
    this.#current = { link, nodeId: welcome.nodeId, openedAt: this.#context.runtime.now() };
    this.#context.credentials.accepted(link.latest);
    this.#emit("open", link, undefined);
    this.#resolveOpened();
    this.sender.opened(link, welcome);
    this.pages.requests.opened(link);
    this.clock.opened(link);
    this.following.opened(link, welcome);
    this.attending.opened(link);
  }

  linkReceived(link: Link, frame: Frame): void {
    switch (frame.type) {
      case "message":
        this.following.received(frame);
        return;
      case "ack":
        this.#silentCount = 0;
        this.sender.acked(frame);
        return;
      case "reject":
        if (this.attending.requests.answered(frame)) return;
        if (!this.pages.requests.answered(frame)) this.sender.rejected(frame);
        return;
      case "entered":
      case "present":
        this.attending.requests.answered(frame);
        return;
      case "clock":
        this.clock.answered(frame);
        return;
      case "page":
        this.pages.paged(frame);
        return;
      case "subscribed":
        this.following.subscribed(frame);
        return;
      case "cause":
        if (!this.pages.caused(frame)) this.following.caused(frame);
        return;
      case "gap":
        this.following.missed(frame);
        return;
      case "unsubscribed":
        this.following.unsubscribed(frame);
        return;
      case "drain":
        this.#moveWithin(frame.withinMs);
        return;
      case "regroup":
        this.#refreshWithin(frame.withinMs);
        return;
      case "authorized":
        this.#context.credentials.accepted(link.latest);
        this.#context.onAuthorized(frame.user);
        return;
      case "expiring":
        this.#renew(link);
        return;
      default:
        throw new ShardcastError(
          "SHARDCAST_FRAME_UNEXPECTED",
          `a node must not send ${frame.type} frames to a client`,
        );
    }
  }

  linkEnded(link: Link, end: LinkEnd): void {
    const { error } = end;
    if (link === this.#next) {
      this.#next = undefined;
      this.#emit("failed", link, error);
    } else {
      // Attempts that failed while this link was open do not count, such as when the only node asks its clients to move.
      const { runtime, settings } = this.#context;
      const livedMs = runtime.now() - (this.#current?.openedAt ?? Infinity);
      if (isStable(livedMs, settings.reconnect)) this.#failureCount = 0;
      this.#silentCount = error.code === "SHARDCAST_HEARTBEAT_MISSED" ? this.#silentCount + 1 : 0;
      this.#lose(error);
      this.#emit("lost", link, error);
      this.#cancelRetry?.();
      this.#cancelRetry = undefined;
    }
    if (this.#isFatal(link, end)) this.#context.onFail(error);
    else if (this.#next === undefined && this.#cancelRetry === undefined) this.#retry();
  }

  #dial(): void {
    if (this.#isClosed || this.#next !== undefined || this.#isWaiting) return;
    const credentials = this.#context.credentials.get();
    if (!(credentials instanceof Promise)) {
      this.#open(credentials);
      return;
    }
    this.#isWaiting = true;
    credentials.then(
      (token) => {
        this.#isWaiting = false;
        if (!this.#isClosed) this.#open(token);
      },
      (cause: unknown) => {
        this.#isWaiting = false;
        if (!this.#isClosed) this.#tokenFailed(cause);
      },
    );
  }

  #open(credentials: Credentials): void {
    const { settings, runtime } = this.#context;
    const { endpoint, urls } = this.#destination;
    const url = urls[this.#urlIndex] ?? "";
    const { handshakeTimeoutMs } = settings;
    const factor = 2 ** Math.min(this.#silentCount, MAX_DOUBLINGS);
    const probeTimeoutMs = settings.probeTimeoutMs * factor;
    const urgentTimeoutMs = Math.min(settings.probeTimeoutMs, URGENT_TIMEOUT_MS) * factor;
    const timeouts = { handshakeTimeoutMs, probeTimeoutMs, urgentTimeoutMs };
    this.#next = new Link({ url, endpoint, credentials, ...timeouts, runtime }, this);
  }

  /** The application's getToken failed, temporarily or permanently. */
  #tokenFailed(cause: unknown): void {
    const { endpoint, urls } = this.#destination;
    const error =
      cause instanceof ShardcastError
        ? cause
        : new ShardcastError("SHARDCAST_LINK_LOST", `no token: ${String(cause)}`, { cause });
    const url = urls[this.#urlIndex] ?? "";
    this.#context.onLink({ state: "failed", node: undefined, url, endpoint, error });
    if (error.retryable) this.#retry();
    else this.#context.onFail(error);
  }

  /** If the new token is late, the node ends the link, and the next link requests a token again. */
  #renew(link: Link): void {
    if (!this.#context.credentials.isRenewable) return;
    this.#context.credentials.renew(link.latest).then(
      (token) => link.renew(token),
      () => undefined,
    );
  }

  #isFatal({ credentials }: Link, { error, isFatal }: LinkEnd): boolean {
    const isToken = ["SHARDCAST_TOKEN_INVALID", "SHARDCAST_TOKEN_EXPIRED"].includes(error.code);
    if (!isToken) return isFatal;
    const mayTryAnother = this.#context.credentials.refused(credentials);
    return isFatal ? !mayTryAnother : !this.#context.credentials.isRenewable;
  }

  #retry(): void {
    if (this.#isClosed) return;
    const { settings, runtime, onStale } = this.#context;
    const waitMs = backoffMs(settings.reconnect, this.#failureCount, runtime.random());
    this.#failureCount += 1;
    this.#turnToNextUrl();
    this.#cancelRetry = runtime.after(waitMs, () => {
      this.#cancelRetry = undefined;
      this.#dial();
    });
    if (this.#failureCount >= STALE_FROM_FAILURES) onStale();
  }

  /** The node is about to stop. Its clients move at random moments, not all at once. */
  #moveWithin(withinMs: number): void {
    const { runtime, onStale } = this.#context;
    this.#cancelMove ??= runtime.after(runtime.random() * withinMs, () => {
      onStale();
      this.#turnToNextUrl();
      this.#dial();
    });
  }

  #refreshWithin(withinMs: number): void {
    const { runtime, onStale } = this.#context;
    runtime.after(runtime.random() * withinMs, onStale);
  }

  #turnToNextUrl(): void {
    this.#urlIndex = (this.#urlIndex + 1) % this.#destination.urls.length;
  }

  /** The client closes a link. Its queued frames are sent before the new link gets the same publishes. */
  #leave({ link }: OpenLink): void {
    link.close();
    this.#lose(new ShardcastError("SHARDCAST_LINK_LOST", `${link.url}: moving to another link`));
    this.#emit("lost", link, undefined);
  }

  #lose(error: ShardcastError): void {
    this.#cancelMove?.();
    this.#cancelMove = undefined;
    this.sender.lost(error);
    this.following.lost();
    this.attending.lost();
    this.pages.requests.lost();
    this.clock.lost();
  }

  #emit(state: LinkEvent["state"], link: Link, error: ShardcastError | undefined): void {
    const node = this.#current?.link === link ? this.#current.nodeId : undefined;
    if (state === "lost") this.#current = undefined;
    this.#context.onLink({
      state,
      node,
      url: link.url,
      endpoint: this.#destination.endpoint,
      error,
    });
  }
}
