// A standing relation to one place of the cluster, over as many links, one after another, as it takes.
//
// There is at most one link that is open and at most one that is being opened. The new one takes over
// when it is open, be the old one lost by then or still there, as when a node asks its clients to move.
import {
  ShardcastError,
  backoffMs,
  type Endpoint,
  type Frame,
  type Credentials,
  type WelcomeFrame,
} from "@shardcast/protocol";
import { Attending } from "./attending.ts";
import type { CredentialSource } from "./credentials.ts";
import { Following } from "./following.ts";
import { Link, type LinkOwner } from "./link.ts";
import type { LinkEnd } from "./link-end.ts";
import type { Settings } from "./options.ts";
import type { Runtime } from "./runtime.ts";
import { Sender } from "./sender.ts";
import { isStable } from "./stable.ts";

/** A client's link to a node was opened, was lost, or could not be opened. */
export interface LinkEvent {
  readonly state: "open" | "lost" | "failed";
  /** The node's id, where it has told it. */
  readonly node: string | undefined;
  /** `ws(s)://host:port` */
  readonly url: string;
  readonly endpoint: Endpoint;
  /** Why it was lost or failed; undefined where the client itself has left. */
  readonly error: ShardcastError | undefined;
}

/** What all connections of a client share. */
export interface ConnectionContext {
  readonly settings: Settings;
  readonly runtime: Runtime;
  readonly credentials: CredentialSource;
  readonly link: (event: LinkEvent) => void;
  /** A try to connect ended in a way in which every other would. */
  readonly failed: (error: ShardcastError) => void;
  /** The cluster may not be what it was when this connection was chosen. */
  readonly stale: () => void;
  /** A node has accepted a token, which names this user. */
  readonly authorized: (user: string) => void;
}

export interface Place {
  readonly endpoint: Endpoint;
  /** Nodes that serve equally well. It starts with any of them, and goes on with the next. */
  readonly urls: readonly string[];
}

/** After so many failures in a row the cluster is asked whether it has changed. */
const STALE_FROM_FAILURES = 2;
/** Each node in a row that gives no answer in time is given twice the time, up to 2^5: the line may be slow. */
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
  /** Resolves when a link is open for the first time. */
  readonly opened: Promise<void>;
  readonly #place: Place;
  readonly #context: ConnectionContext;
  #current: OpenLink | undefined;
  #next: Link | undefined;
  /** A token is awaited, for the next link. */
  #isWaiting = false;
  #urlIndex: number;
  #failureCount = 0;
  /** Links in a row that were given up because nothing came, without an ack in between. */
  #silentCount = 0;
  #cancelRetry: (() => void) | undefined;
  #cancelMove: (() => void) | undefined;
  #isClosed = false;
  #resolveOpened: () => void = () => undefined;

  /** @param unused told when the last follower has left */
  constructor(place: Place, context: ConnectionContext, unused: (connection: Connection) => void) {
    const { settings, runtime, stale } = context;
    this.#place = place;
    this.#context = context;
    this.#urlIndex = Math.floor(runtime.random() * place.urls.length);
    this.sender = new Sender({ backoff: settings.reconnect, runtime, misrouted: stale });
    this.following = new Following(() => unused(this));
    this.opened = new Promise((resolve) => {
      this.#resolveOpened = resolve;
    });
    this.#dial();
  }

  /** The node that the open link leads to. */
  get node(): { readonly node: string; readonly url: string } | undefined {
    if (this.#current === undefined) return undefined;
    return { node: this.#current.nodeId, url: this.#current.link.url };
  }

  /**
   * Asks the node whether it is there. Where there is no link, the next try to open one is made now.
   * @returns whether the node has answered
   */
  probe(): Promise<boolean> {
    if (this.#cancelRetry !== undefined) {
      this.#cancelRetry();
      this.#cancelRetry = undefined;
      this.#dial();
    }
    return this.#current?.link.probe() ?? Promise.resolve(false);
  }

  unansweredBytes(): number {
    return this.sender.inFlightBytes;
  }

  /** Ends the link. What it carried has to be taken away before. */
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
        if (!this.attending.answered(frame)) this.sender.rejected(frame);
        return;
      case "entered":
      case "present":
        this.attending.answered(frame);
        return;
      case "subscribed":
        this.following.subscribed(frame);
        return;
      case "cause":
        this.following.caused(frame);
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
        this.#context.authorized(frame.user);
        return;
      case "expiring":
        this.#renew(link);
        return;
      default:
        throw new ShardcastError(
          "SHARDCAST_FRAME_UNEXPECTED",
          `a node does not send ${frame.type} frames here`,
        );
    }
  }

  linkEnded(link: Link, end: LinkEnd): void {
    const { error } = end;
    if (link === this.#next) {
      this.#next = undefined;
      this.#emit("failed", link, error);
    } else {
      // What failed while there was a link, as where a node that asks to move is the only one, was no loss.
      const { runtime, settings } = this.#context;
      const livedMs = runtime.now() - (this.#current?.openedAt ?? Infinity);
      if (isStable(livedMs, settings.reconnect)) this.#failureCount = 0;
      this.#silentCount = error.code === "SHARDCAST_HEARTBEAT_MISSED" ? this.#silentCount + 1 : 0;
      this.#lose(error);
      this.#emit("lost", link, error);
      this.#cancelRetry?.();
      this.#cancelRetry = undefined;
    }
    if (this.#isFatal(link, end)) this.#context.failed(error);
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
    const { endpoint, urls } = this.#place;
    const url = urls[this.#urlIndex] ?? "";
    const { handshakeTimeoutMs } = settings;
    const probeTimeoutMs =
      settings.probeTimeoutMs * 2 ** Math.min(this.#silentCount, MAX_DOUBLINGS);
    const timeouts = { handshakeTimeoutMs, probeTimeoutMs };
    this.#next = new Link({ url, endpoint, credentials, ...timeouts, runtime }, this);
  }

  /** The application has no token at the moment, or never again. */
  #tokenFailed(cause: unknown): void {
    const { endpoint, urls } = this.#place;
    const error =
      cause instanceof ShardcastError
        ? cause
        : new ShardcastError("SHARDCAST_LINK_LOST", `no token: ${String(cause)}`, { cause });
    const url = urls[this.#urlIndex] ?? "";
    this.#context.link({ state: "failed", node: undefined, url, endpoint, error });
    if (error.retryable) this.#retry();
    else this.#context.failed(error);
  }

  /** Where it does not come in time, the node ends the link, and the next one asks again. */
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
    const { settings, runtime, stale } = this.#context;
    const waitMs = backoffMs(settings.reconnect, this.#failureCount, runtime.random());
    this.#failureCount += 1;
    this.#turnToNextUrl();
    this.#cancelRetry = runtime.after(waitMs, () => {
      this.#cancelRetry = undefined;
      this.#dial();
    });
    if (this.#failureCount >= STALE_FROM_FAILURES) stale();
  }

  /** The node is about to stop. Its clients move one by one, not all at once. */
  #moveWithin(withinMs: number): void {
    const { runtime, stale } = this.#context;
    this.#cancelMove ??= runtime.after(runtime.random() * withinMs, () => {
      stale();
      this.#turnToNextUrl();
      this.#dial();
    });
  }

  #refreshWithin(withinMs: number): void {
    const { runtime, stale } = this.#context;
    runtime.after(runtime.random() * withinMs, stale);
  }

  #turnToNextUrl(): void {
    this.#urlIndex = (this.#urlIndex + 1) % this.#place.urls.length;
  }

  /** The client itself leaves a link. What was queued for it is sent before the new link gets the same. */
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
  }

  #emit(state: LinkEvent["state"], link: Link, error: ShardcastError | undefined): void {
    const node = this.#current?.link === link ? this.#current.nodeId : undefined;
    if (state === "lost") this.#current = undefined;
    this.#context.link({ state, node, url: link.url, endpoint: this.#place.endpoint, error });
  }
}
