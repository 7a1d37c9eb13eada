// A client of the cluster: its publishes, subscriptions and presences, and the connections that carry them.
/// <reference lib="esnext.disposable" preserve="true" />
import { loadHistory, loadRequestReply } from "#lazy";
import {
  ShardcastError,
  followedTopicFault,
  parseFrom,
  presenceTopicFault,
  type From,
} from "@shardcast/protocol";
import { ClientStates, type ClientState } from "./client-state.ts";
import type { TopicPresenceHost } from "./topic-presence.ts";
import type { LinkEvent } from "./connection.ts";
import type { CredentialSource } from "./credential-source.ts";
import type { PublishData } from "./data.ts";
import { Emitter } from "./emitter.ts";
import type { History, HistoryOptions } from "./history.ts";
import { TopicFollower } from "./topic-follower.ts";
import { TopicReader, type TopicReaderOptions } from "./topic-reader.ts";
import { Reading, type ReadOptions, type TopicPage } from "./reading.ts";
import type { RequestOptions, RequestReply } from "./request-reply.ts";
import type { Message } from "./message.ts";
import { refuseUnknown, type Settings } from "./options.ts";
import { Outbox, type PublishOptions } from "./outbox.ts";
import { Presence, type PresenceOptions } from "./presence.ts";
import type { Published } from "./publication.ts";
import { createRoute } from "./create-route.ts";
import type { ClusterRoute } from "./cluster-route.ts";
import type { Runtime } from "./runtime.ts";
import { Subscription } from "./subscription.ts";

/** How long `time` waits for an answer before it asks again, in ms. */
const TIME_RETRY_MS = 2000;

export interface SubscribeOptions {
  /**
   * Where to start: `live`, `earliest`, `last:<count>`, `since:<ms since 1970>`, or a position as
   * `<epoch>_<offset>`, which starts after that message.
   * @default "live"
   */
  readonly from?: string | From | undefined;
  /**
   * What happens when missed messages are unavailable: `event` emits the event "gap" and continues with the next
   * message, `error` ends the subscription with SHARDCAST_GAP.
   * @default "event"
   */
  readonly gaps?: "event" | "error" | undefined;
}

const SUBSCRIBE_OPTIONS: Readonly<Record<keyof SubscribeOptions, true>> = {
  from: true,
  gaps: true,
};

export interface ClientEvents {
  /** The client's state has changed. */
  readonly state: ClientState;
  /** A link was opened, was lost, or could not be opened. */
  readonly link: LinkEvent;
}

export class Client {
  /** Resolves when the client is closed, with the error that ended it, or undefined. Never rejects. */
  readonly closed: Promise<ShardcastError | undefined>;
  readonly #settings: Settings;
  readonly #emitter = new Emitter<ClientEvents>();
  readonly #outbox: Outbox;
  readonly #route: ClusterRoute;
  /** By topic. */
  readonly #followers = new Map<string, TopicFollower>();
  readonly #reading: Reading;
  #requests: RequestReply | undefined;
  readonly #presences = new Set<Presence>();
  readonly #host: TopicPresenceHost;
  readonly #runtime: Runtime;
  readonly #states: ClientStates;
  /** Whether the client could be used once. */
  #isReady = false;
  #phase: "open" | "draining" | "closed" = "open";
  readonly #opening: Promise<void>;
  readonly #stopWatching: () => void;
  #user: string | undefined;
  #resolveClosed: (error: ShardcastError | undefined) => void = () => undefined;

  /** Called by `connect` and `createClient` only. */
  constructor(settings: Settings, credentials: CredentialSource, runtime: Runtime) {
    this.#settings = settings;
    this.#runtime = runtime;
    this.#outbox = new Outbox(settings, runtime, () => void this.#probe(true));
    this.#states = new ClientStates(
      {
        isOpen: () => this.#isReady && [...this.#route.pools].every(({ isOpen }) => isOpen),
        isOffline: runtime.isOffline,
      },
      this.#emitter,
    );
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
    this.#host = {
      settings,
      runtime,
      place: (follower) => this.#route.follow(follower),
      onEnd: ({ topic }) => this.#followers.delete(topic),
      onMisrouted: () => this.#route.refresh(),
      follow: (topic, options) => this.#follow(topic, options),
      attend: (attendant) => this.#route.attend(attendant),
    };
    this.#route = createRoute(settings, {
      settings,
      runtime,
      credentials,
      onLink: (event) => this.#linkChanged(event),
      onFail: (error) => this.#end(error),
      onStale: () => this.#route.refresh(),
      onAuthorized: (user) => {
        this.#user = user;
      },
    });
    this.#reading = new Reading({
      settings,
      runtime,
      ask: (request) => this.#route.read(request),
      onMisrouted: () => this.#route.refresh(),
    });
    this.#stopWatching = runtime.watch({
      onWake: () => this.#woken(),
      onOffline: () => void this.#probe(true),
      onPageLeft: () => {
        for (const presence of this.#presences) presence.pageLeft();
      },
    });
    this.#opening = this.#route.open().then(() => {
      this.#isReady = true;
      this.#states.update();
    });
  }

  /**
   * Publishes a message. Resolves when the topic's owner has stored it. Until then, or until the timeout, the client
   * sends the message again after every lost link, under the same id, so that it is stored once. Messages of one topic
   * are stored in the order of the calls: if a node postpones one, the ones behind it wait.
   * @throws SHARDCAST_TIMEOUT, SHARDCAST_OUTBOX_FULL, SHARDCAST_CLOSED, SHARDCAST_TOPIC_INVALID,
   * SHARDCAST_TOPIC_RESERVED, SHARDCAST_PAYLOAD_TOO_LARGE, SHARDCAST_MESSAGE_ID_INVALID,
   * SHARDCAST_ATTRIBUTES_INVALID, SHARDCAST_OPTION_INVALID, or the signal's reason
   */
  publish(topic: string, data: PublishData, options: PublishOptions = {}): Promise<Published> {
    return new Promise((resolve, reject) => {
      this.#requireOpen();
      const publication = this.#outbox.add(topic, data, options, { resolve, reject });
      try {
        this.#route.send(publication);
      } catch (error) {
        publication.fail(error);
      }
    });
  }

  /**
   * Subscribes to a topic: delivers every message after the start once and in order, across reconnects. Each call
   * creates an independent subscription, with its own start and buffer; all subscriptions to a topic share one
   * subscription at the node.
   * @throws SHARDCAST_TOPIC_INVALID, SHARDCAST_TOPIC_RESERVED, SHARDCAST_POSITION_INVALID,
   * SHARDCAST_OPTION_INVALID, SHARDCAST_CLOSED
   */
  subscribe(topic: string, options: SubscribeOptions = {}): Subscription {
    this.#requireOpen();
    const fault = followedTopicFault(topic);
    if (fault !== undefined) throw new ShardcastError(fault);
    refuseUnknown("option", options, SUBSCRIBE_OPTIONS);
    const { from = "live", gaps = "event" } = options;
    const start = typeof from === "string" ? parseFrom(from) : from;
    return new Subscription(this.#follow(topic, { from: start, gaps }));
  }

  /**
   * Reads stored messages of a topic: before a position, after one, or the newest.
   * @throws SHARDCAST_TOPIC_INVALID, SHARDCAST_TOPIC_RESERVED, SHARDCAST_POSITION_INVALID, SHARDCAST_OPTION_INVALID,
   * SHARDCAST_FORBIDDEN, SHARDCAST_TIMEOUT, SHARDCAST_CLOSED
   */
  async history(topic: string, options: HistoryOptions = {}): Promise<History> {
    this.#requireOpen();
    const fault = followedTopicFault(topic);
    if (fault !== undefined) throw new ShardcastError(fault);
    const { readHistory } = await loadHistory();
    // The client may have been closed meanwhile.
    this.#requireOpen();
    return readHistory(topic, options, (request) => this.#reading.page(request));
  }

  /**
   * Reads one page of stored messages as a node answers it: the messages after a place, up to about `limitBytes`.
   * {@link Client.history} reads as many as it takes.
   * @throws the same as `history`
   */
  async readPage(topic: string, from: From, limitBytes: number): Promise<TopicPage> {
    this.#requireOpen();
    return this.#reading.page({ topic, from, limitBytes });
  }

  /**
   * Publishes a request and resolves with its reply. A service answers with {@link Client.reply}. The client
   * follows a reply topic of its own, `replies/<random>`, from its first request on.
   * @throws SHARDCAST_TIMEOUT without a reply in time, the signal's reason, and the errors of `publish` and `subscribe`
   */
  async request(topic: string, data: PublishData, options: RequestOptions = {}): Promise<Message> {
    const { RequestReply } = await loadRequestReply();
    this.#requests ??= new RequestReply(this, this.#runtime.after);
    return this.#requests.request(topic, data, options);
  }

  /**
   * Publishes the reply to a message that `request` has published.
   * @throws SHARDCAST_OPTION_INVALID if the message asks for no reply, and the errors of `publish`
   */
  async reply(
    message: Message,
    data: PublishData,
    options: PublishOptions = {},
  ): Promise<Published> {
    const { reply } = await loadRequestReply();
    return reply(this, message, data, options);
  }

  /**
   * The time of day by a node's clock, which also stamps messages, in ms since 1970. Exact to half of the time that the
   * answer took.
   * @throws SHARDCAST_TIMEOUT without an answer within `publishTimeoutMs`, SHARDCAST_CLOSED
   */
  async time(): Promise<number> {
    const { now, after } = this.#runtime;
    const { publishTimeoutMs, reconnect } = this.#settings;
    const deadline = now() + publishTimeoutMs;
    while (this.#phase === "open" && now() < deadline) {
      const askedAt = now();
      let cancelWait: () => void = () => undefined;
      const wait = new Promise<undefined>((resolve) => {
        cancelWait = after(TIME_RETRY_MS, () => resolve(undefined));
      });
      const answers = Array.from(this.#route.pools, (pool) => pool.askTime());
      const time = await Promise.race([firstDefined(answers), wait]);
      cancelWait();
      if (time !== undefined) return time + (now() - askedAt) / 2;
      await new Promise<void>((resolve) => after(reconnect.minMs, resolve));
    }
    this.#requireOpen();
    const detail = `no node told its time within ${publishTimeoutMs} ms`;
    throw new ShardcastError("SHARDCAST_TIMEOUT", detail);
  }

  /**
   * Opens the presence of a topic: lists its members, and lets this client join them.
   * @throws SHARDCAST_TOPIC_INVALID, SHARDCAST_TOPIC_RESERVED, SHARDCAST_OPTION_INVALID, SHARDCAST_CLOSED
   */
  presence(topic: string, options: PresenceOptions = {}): Presence {
    this.#requireOpen();
    const fault = presenceTopicFault(topic);
    if (fault !== undefined) throw new ShardcastError(fault);
    const presence = new Presence(topic, options, this.#host, (ended) =>
      this.#presences.delete(ended),
    );
    this.#presences.add(presence);
    return presence;
  }

  /** Adds a listener. Returns a function that removes it. */
  on<Name extends keyof ClientEvents>(
    name: Name,
    listener: (value: ClientEvents[Name]) => void,
  ): () => void {
    return this.#emitter.on(name, listener);
  }

  /** Whether the client can reach the cluster. The event "state" reports changes. */
  get state(): ClientState {
    return this.#states.current;
  }

  /** The nodes with an open link. */
  nodes(): { readonly node: string; readonly url: string }[] {
    return [...this.#route.pools].flatMap(({ nodes }) => nodes);
  }

  /** The user of the client's token, once a node has accepted the token. */
  get user(): string | undefined {
    return this.#user;
  }

  /** Number of publishes without an answer. */
  get unanswered(): number {
    return this.#outbox.size;
  }

  /**
   * Checks all links, for example after a change of networks. A link over which nothing arrives within
   * `probeTimeoutMs` is replaced; a connection without a link tries to open one immediately. The client also probes
   * a link itself when it has sent something and receives nothing, and, in browsers, when the network returns and
   * when the page becomes visible again.
   * @returns whether all nodes answered; true before the first link is needed
   */
  probe(): Promise<boolean> {
    return this.#probe(false);
  }

  /**
   * Resolves when the client can be used, for the first time.
   * @throws the error that ended the client before
   */
  async ready(): Promise<void> {
    const ended = this.closed.then((error) => {
      throw error ?? closedError();
    });
    await Promise.race([this.#opening, ended]);
  }

  /** Refuses new publishes, waits until all others are answered, then closes. */
  async drain(): Promise<void> {
    if (this.#phase === "open") this.#phase = "draining";
    await this.#outbox.empty();
    this.close();
  }

  /**
   * Closes immediately: publishes without an answer reject with SHARDCAST_CLOSED, iterators end.
   * @param error if given, they end with this error
   */
  close(error?: ShardcastError): void {
    this.#end(error);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.drain();
  }

  #requireOpen(): void {
    if (this.#phase !== "open") throw closedError();
  }

  #follow(topic: string, options: TopicReaderOptions): TopicReader {
    const known = this.#followers.get(topic);
    const follower = known ?? new TopicFollower(topic, this.#host);
    const settings = this.#settings;
    const read = (request: ReadOptions): Promise<TopicPage> => this.#reading.page(request);
    const reader = new TopicReader(follower, options, { settings, read });
    if (known === undefined) {
      this.#route.follow(follower);
      this.#followers.set(topic, follower);
    }
    return reader;
  }

  async #probe(isUrgent: boolean): Promise<boolean> {
    this.#states.update();
    const answers = await Promise.all([...this.#route.pools].map((pool) => pool.probe(isUrgent)));
    return answers.every(Boolean);
  }

  #woken(): void {
    void this.#probe(true);
    for (const presence of this.#presences) presence.pageShown();
  }

  #linkChanged(event: LinkEvent): void {
    this.#settings.debug?.(`link ${event.state}`, event);
    if (event.state === "failed") this.#states.failed(event.error);
    else this.#states.lost(event.error);
    this.#emitter.emit("link", event);
  }

  #end(error: ShardcastError | undefined): void {
    if (this.#phase === "closed") return;
    this.#phase = "closed";
    this.#settings.debug?.("client closed", { error });
    this.#states.closed(error);
    this.#stopWatching();
    for (const presence of this.#presences) presence.end(error);
    for (const follower of this.#followers.values()) follower.end(error);
    this.#reading.close(error ?? closedError());
    this.#outbox.close(error ?? closedError());
    this.#route.close();
    this.#resolveClosed(error);
  }
}

/** Resolves with the first answer that is not undefined, or with undefined if all answers are. */
async function firstDefined<Value>(
  answers: readonly Promise<Value | undefined>[],
): Promise<Value | undefined> {
  const defined = answers.map(async (answer) => {
    const value = await answer;
    if (value === undefined) throw new Error("no answer");
    return value;
  });
  return Promise.any(defined).catch(() => undefined);
}

function closedError(): ShardcastError {
  return new ShardcastError("SHARDCAST_CLOSED");
}
