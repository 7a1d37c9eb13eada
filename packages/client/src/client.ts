// A client of the cluster: publishes, subscriptions, and the connections that carry both.
import {
  ShardcastError,
  followedTopicFault,
  parseFrom,
  presenceTopicFault,
  type From,
} from "@shardcast/protocol";
import { Attendee, type AttendeeHost } from "./attendee.ts";
import type { LinkEvent } from "./connection.ts";
import type { CredentialSource } from "./credentials.ts";
import type { PublishData } from "./data.ts";
import { Emitter } from "./emitter.ts";
import { Follower } from "./follower.ts";
import { refuseUnknown, type Settings } from "./options.ts";
import { Outbox, type PublishOptions } from "./outbox.ts";
import { Presence, type PresenceOptions } from "./presence.ts";
import type { Published } from "./publication.ts";
import { createRoute } from "./create-route.ts";
import type { Route } from "./route.ts";
import type { Runtime } from "./runtime.ts";
import { Subscription } from "./subscription.ts";

export interface SubscribeOptions {
  /**
   * Where to start: `live`, `earliest`, `last:<count>`, `since:<ms since 1970>`, or a position, as
   * `<epoch>_<offset>`: after that message.
   * @default "live"
   */
  readonly from?: string | From | undefined;
  /**
   * What happens when messages were missed that can never be had: an event "gap" and on with the next,
   * or the end of the subscription with SHARDCAST_GAP.
   * @default "event"
   */
  readonly gaps?: "event" | "error" | undefined;
}

const SUBSCRIBE_OPTIONS: Readonly<Record<keyof SubscribeOptions, true>> = {
  from: true,
  gaps: true,
};

export interface ClientEvents {
  /** A link was opened, was lost, or could not be opened. */
  readonly link: LinkEvent;
}

export class Client {
  /** Resolves when the client is closed: with the error that ended it, or with nothing. Never rejects. */
  readonly closed: Promise<ShardcastError | undefined>;
  readonly #settings: Settings;
  readonly #emitter = new Emitter<ClientEvents>();
  readonly #outbox: Outbox;
  readonly #route: Route;
  readonly #followers = new Set<Follower>();
  readonly #attendees = new Set<Attendee>();
  readonly #host: AttendeeHost;
  readonly #runtime: Runtime;
  #state: "open" | "draining" | "closed" = "open";
  /** The last thing that went wrong with a link, for the error of a `connect` that took too long. */
  #fault: ShardcastError | undefined;
  readonly #stopWaking: () => void;
  #user: string | undefined;
  #resolveClosed: (error: ShardcastError | undefined) => void = () => undefined;

  private constructor(settings: Settings, credentials: CredentialSource, runtime: Runtime) {
    this.#settings = settings;
    this.#runtime = runtime;
    this.#outbox = new Outbox(settings, runtime);
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
    this.#host = {
      settings,
      runtime,
      place: (follower) => this.#route.poolToFollow(follower.topic).follow(follower),
      ended: (follower) => this.#followers.delete(follower),
      misrouted: () => this.#route.refresh(),
      follow: (follower) => this.#follow(follower),
      attend: (attendant) => this.#route.poolToFollow(attendant.presenceTopic).attend(attendant),
      leftPresence: (attendee) => this.#attendees.delete(attendee),
    };
    this.#route = createRoute(settings, {
      settings,
      runtime,
      credentials,
      link: (event) => this.#linkChanged(event),
      failed: (error) => this.#end(error),
      stale: () => this.#route.refresh(),
      authorized: (user) => {
        this.#user = user;
      },
    });
    this.#stopWaking = runtime.onWake(() => void this.probe());
  }

  /**
   * For `connect`.
   * @throws what ended the client before it could be used, SHARDCAST_TIMEOUT where nothing did
   */
  static async open(
    settings: Settings,
    credentials: CredentialSource,
    runtime: Runtime,
  ): Promise<Client> {
    const client = new Client(settings, credentials, runtime);
    await client.#opened();
    return client;
  }

  /**
   * Stores a message in its topic. The promise is settled by the owner's answer: it resolves when the
   * message is stored. Until then, or until its time is over, it is sent again after every loss of a
   * link, under the same id, so that it is stored once. Messages of one topic are stored in the order
   * of the calls; one that a node puts off holds up those behind it.
   * @throws SHARDCAST_TIMEOUT, SHARDCAST_OUTBOX_FULL, SHARDCAST_CLOSED, SHARDCAST_TOPIC_INVALID,
   * SHARDCAST_TOPIC_RESERVED, SHARDCAST_PAYLOAD_TOO_LARGE, SHARDCAST_MESSAGE_ID_INVALID,
   * SHARDCAST_ATTRIBUTES_INVALID, SHARDCAST_OPTION_INVALID, or the signal's reason
   */
  publish(topic: string, data: PublishData, options: PublishOptions = {}): Promise<Published> {
    return new Promise((resolve, reject) => {
      if (this.#state !== "open") throw closedError();
      const publication = this.#outbox.add(topic, data, options, { resolve, reject });
      try {
        this.#route.poolToPublish(topic).send(publication);
      } catch (error) {
        publication.fail(error);
      }
    });
  }

  /**
   * Follows a topic: every message after the start, once and in order, across reconnects.
   * Each call is a subscription of its own; a second one of the same topic takes a link of its own.
   * @throws SHARDCAST_TOPIC_INVALID, SHARDCAST_TOPIC_RESERVED, SHARDCAST_POSITION_INVALID,
   * SHARDCAST_OPTION_INVALID, SHARDCAST_CLOSED
   */
  subscribe(topic: string, options: SubscribeOptions = {}): Subscription {
    if (this.#state !== "open") throw closedError();
    const fault = followedTopicFault(topic);
    if (fault !== undefined) throw new ShardcastError(fault);
    refuseUnknown("option", options, SUBSCRIBE_OPTIONS);
    const { from = "live", gaps = "event" } = options;
    const start = typeof from === "string" ? parseFrom(from) : from;
    const follower = new Follower({ topic, from: start, gaps }, this.#host);
    this.#follow(follower);
    return new Subscription(follower);
  }

  /**
   * Who is on a topic, and this client's own place among them.
   * @throws SHARDCAST_TOPIC_INVALID, SHARDCAST_TOPIC_RESERVED, SHARDCAST_OPTION_INVALID, SHARDCAST_CLOSED
   */
  presence(topic: string, options: PresenceOptions = {}): Presence {
    if (this.#state !== "open") throw closedError();
    const fault = presenceTopicFault(topic);
    if (fault !== undefined) throw new ShardcastError(fault);
    const attendee = new Attendee(topic, options.watch ?? true, this.#host);
    this.#attendees.add(attendee);
    return new Presence(attendee);
  }

  /** Adds a listener; the function that it gives takes it away. */
  on<Name extends keyof ClientEvents>(
    name: Name,
    listener: (value: ClientEvents[Name]) => void,
  ): () => void {
    return this.#emitter.on(name, listener);
  }

  /** The nodes that links are open to at the moment. */
  nodes(): { readonly node: string; readonly url: string }[] {
    return [...this.#route.pools].flatMap(({ nodes }) => nodes);
  }

  /** Who the client's token names, once a node has accepted it. */
  get user(): string | undefined {
    return this.#user;
  }

  /** Publishes that have no answer yet. */
  get unanswered(): number {
    return this.#outbox.size;
  }

  /**
   * Asks all nodes whether they are there, as after a change of networks: a link over which nothing comes within
   * `probeTimeoutMs` is replaced, and where there is none the next try to open one is made at once. The client does
   * so by itself when it hears nothing after it has sent something, and in browsers when the network is back and
   * when the page is shown again.
   * @returns whether all have answered; true before the first link is needed
   */
  async probe(): Promise<boolean> {
    const answers = await Promise.all([...this.#route.pools].map((pool) => pool.probe()));
    return answers.every(Boolean);
  }

  /** Takes no new publishes, waits until all have their answer, and closes. */
  async drain(): Promise<void> {
    if (this.#state === "open") this.#state = "draining";
    await this.#outbox.empty();
    this.close();
  }

  /** Closes at once: publishes without an answer reject with SHARDCAST_CLOSED, iterators end. */
  close(): void {
    this.#end(undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.drain();
  }

  async #opened(): Promise<void> {
    const { connectTimeoutMs } = this.#settings;
    const cancelTimeout = this.#runtime.after(connectTimeoutMs, () => {
      const because = this.#fault === undefined ? "" : `: ${this.#fault.message}`;
      const detail = `not connected within ${connectTimeoutMs} ms${because}`;
      this.#end(new ShardcastError("SHARDCAST_TIMEOUT", detail, { cause: this.#fault }));
    });
    const ended = this.closed.then((error) => {
      throw error ?? closedError();
    });
    try {
      await Promise.race([this.#route.open(), ended]);
    } finally {
      cancelTimeout();
    }
  }

  #follow(follower: Follower): void {
    const pool = this.#route.poolToFollow(follower.topic);
    this.#followers.add(follower);
    pool.follow(follower);
  }

  #linkChanged(event: LinkEvent): void {
    this.#fault = event.error ?? this.#fault;
    this.#emitter.emit("link", event);
  }

  #end(error: ShardcastError | undefined): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#stopWaking();
    for (const attendee of this.#attendees) attendee.end(error);
    for (const follower of this.#followers) follower.end(error);
    this.#outbox.close(error ?? closedError());
    this.#route.close();
    this.#resolveClosed(error);
  }
}

function closedError(): ShardcastError {
  return new ShardcastError("SHARDCAST_CLOSED");
}
