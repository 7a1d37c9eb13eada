// Handles the frames of the endpoints that subscribe to topics: /subscribe, /connect and /relay. It
// also passes on the presence frames of these endpoints.
import {
  decodeFrame,
  encodeFrame,
  ShardcastError,
  type ErrorCode,
  type From,
  type ReadFrame,
} from "@shardcast/protocol";
import { SharedFrames } from "@shardcast/protocol/websocket";
import {
  type FrameSink,
  type LifecycleEvents,
  type HandledLink,
  type LinkHandler,
  type LinkTarget,
  type Turn,
} from "@shardcast/server";
import { Damage } from "@shardcast/log";
import { CatchUpRound } from "../fan-out/catch-up-round.ts";
import type { OwnedTopic } from "../owner/owned-topic.ts";
import {
  NO_SUBSCRIPTIONS,
  describeSubscriptions,
  type SubscriptionsDescription,
} from "./describe-subscriptions.ts";
import { LinkReads } from "./link-reads.ts";
import { RelayedTopic } from "../topics/relayed-topic.ts";
import { LinkSubscriptions } from "../fan-out/link-subscriptions.ts";
import type { PresenceHandler } from "../presence/presence-handler.ts";
import { Subscription } from "../fan-out/subscription.ts";
import type { Topics } from "../topics/topics.ts";

const MAX_READ_BYTES = 1024 * 1024;
const LIVE: From = { type: "live" };
const NO_FRAMES = new Uint8Array(0);
const EARLIEST: From = { type: "earliest" };

export interface SubscriberHandlerOptions {
  readonly topics: Topics;
  readonly turn: Turn;
  readonly maxTopics: number;
  /**
   * Whether to serve only topics that this node owns. True for /relay, because relays never chain.
   */
  readonly isOwnedOnly: boolean;
  readonly presence: PresenceHandler;
  /** Notified of each subscription; undefined for /relay, whose subscribers are other nodes. */
  readonly events: LifecycleEvents | undefined;
  /** Returns why a topic cannot be subscribed to, or undefined. */
  readonly topicFault: (topic: string) => ErrorCode | undefined;
}

export class SubscriberHandler implements LinkHandler {
  readonly #options: SubscriberHandlerOptions;
  readonly #subscriptions = new Map<object, LinkSubscriptions>();
  /** Reads of clients. Reads of relays are answered from the log. */
  readonly #reads = new LinkReads(this);
  /** Catch-up rounds of the links that have been congested. */
  readonly #rounds = new Map<FrameSink, CatchUpRound>();

  constructor(options: SubscriberHandlerOptions) {
    this.#options = options;
  }

  opened(link: HandledLink, target: LinkTarget): void {
    if (target.topic !== undefined) this.subscribe(link, 0, target.topic, target.from);
  }

  received(link: HandledLink, _type: number, bytes: Uint8Array, start: number, end: number): void {
    const frame = decodeFrame(bytes, start, end);
    switch (frame?.type) {
      case "subscribe":
        this.subscribe(link, frame.sub, frame.topic, frame.from);
        return;
      case "unsubscribe":
        this.unsubscribe(link, frame.sub);
        return;
      case "read":
        if (this.#options.isOwnedOnly) this.#read(link, frame);
        else this.#reads.read(link, frame);
        return;
      case "enter":
      case "leave":
      case "presence":
        this.#options.presence.received(link, frame);
        return;
      default:
        throw new ShardcastError("SHARDCAST_FRAME_UNEXPECTED");
    }
  }

  writable(link: FrameSink): void {
    const subscriptions = this.#subscriptions.get(link);
    if (subscriptions === undefined) return;
    let round = this.#rounds.get(link);
    if (round === undefined) {
      round = new CatchUpRound(link, subscriptions, this.#options.turn);
      this.#rounds.set(link, round);
    }
    round.begin();
  }

  /** Ends what the client's new permissions no longer allow. */
  permitted(link: FrameSink): void {
    const { access } = link;
    if (access === undefined) return;
    this.#options.presence.permitted(link, access);
    for (const subscription of [...(this.#subscriptions.get(link)?.all() ?? [])]) {
      const { view, readsHistory, wasLive } = subscription;
      const fault = access.followFault(view.name, readsHistory && !wasLive ? EARLIEST : LIVE);
      if (fault !== undefined) view.end(subscription, fault);
    }
  }

  closed(link: FrameSink): void {
    this.#options.presence.closed(link);
    const subscriptions = this.#subscriptions.get(link);
    this.#subscriptions.delete(link);
    this.#rounds.delete(link);
    for (const subscription of subscriptions?.all() ?? []) subscription.view.end(subscription);
  }

  /** Describes the subscriptions of a link, those that are furthest behind first. */
  describe(link: object): SubscriptionsDescription {
    const subscriptions = this.#subscriptions.get(link);
    return subscriptions === undefined ? NO_SUBSCRIPTIONS : describeSubscriptions(subscriptions);
  }

  /** Subscribes a link. If that fails, the client receives an unsubscribed frame with the error. */
  subscribe(sink: FrameSink, sub: number, topic: string, from: From): void {
    // Check permissions first: a client that may not subscribe to a topic learns nothing else about
    // it.
    const fault =
      this.#options.topicFault(topic) ??
      sink.access?.followFault(topic, from) ??
      this.#fault(sink, sub, topic);
    if (fault !== undefined) {
      sink.send({ type: "unsubscribed", sub, code: fault, reason: "" });
      return;
    }
    const source = this.#sourceOf(topic);
    if (typeof source === "string") {
      sink.send({ type: "unsubscribed", sub, code: source, reason: "" });
      return;
    }
    const subscriptions = this.#subscriptions.get(sink) ?? this.#subscriptionsOf(sink);
    const subscription = new Subscription(sink, sub, source.view, subscriptions);
    subscription.resumesFrom = sink.access?.resumesFrom(topic);
    subscription.readsHistory = from.type !== "live" && subscription.resumesFrom === undefined;
    subscriptions.add(subscription);
    this.#options.events?.subscribed(topic, sink);
    source.subscribe(subscription, from);
  }

  /** An error of a topic's log ends the subscription, not the link. */
  #sourceOf(topic: string): OwnedTopic | RelayedTopic | ErrorCode {
    try {
      return this.#options.topics.served(topic);
    } catch (error) {
      if (error instanceof ShardcastError) return error.code;
      throw error;
    }
  }

  /** Ends a subscription of a link, and notifies the client. */
  unsubscribe(sink: FrameSink, sub: number): void {
    const subscription = this.#subscriptions.get(sink)?.get(sub);
    // If the subscription has ended meanwhile, the client was notified then.
    subscription?.view.end(subscription);
  }

  #subscriptionsOf(sink: FrameSink): LinkSubscriptions {
    const { events } = this.#options;
    const isTold = events?.has("subscriptions") === true;
    const subscriptions = new LinkSubscriptions(
      isTold ? (topic) => events.unsubscribed(topic, sink) : undefined,
    );
    this.#subscriptions.set(sink, subscriptions);
    return subscriptions;
  }

  #fault(sink: FrameSink, sub: number, topic: string): ErrorCode | undefined {
    const { maxTopics, isOwnedOnly, topics } = this.#options;
    if (isOwnedOnly && !topics.isOwned(topic)) return "SHARDCAST_NOT_OWNER";
    if (topics.isOwned(topic) && !topics.hasRoomFor(topic)) return "SHARDCAST_NODE_FULL";
    if (!topics.hasOwner(topic)) return "SHARDCAST_OWNER_UNAVAILABLE";
    const subscriptions = this.#subscriptions.get(sink);
    if (subscriptions === undefined) return undefined;
    if (subscriptions.count >= maxTopics) return "SHARDCAST_TOPICS_LIMIT";
    if (subscriptions.has(sub, topic)) return "SHARDCAST_SUBSCRIPTION_EXISTS";
    return undefined;
  }

  #readFault(name: string): ErrorCode | undefined {
    const { topics, topicFault } = this.#options;
    const fault = topicFault(name);
    if (fault !== undefined) return fault;
    if (!topics.isOwned(name)) return "SHARDCAST_NOT_OWNER";
    return topics.hasRoomFor(name) ? undefined : "SHARDCAST_NODE_FULL";
  }

  #read(link: HandledLink, frame: ReadFrame): void {
    const { seq, topic: name, from } = frame;
    const fault = this.#readFault(name);
    if (fault !== undefined) {
      link.reject(seq, fault, "");
      return;
    }
    const served = this.#options.topics.served(name);
    if (served instanceof RelayedTopic) {
      link.reject(seq, "SHARDCAST_NOT_OWNER", "");
      return;
    }
    const { log } = served;
    const limitBytes = Math.min(frame.limitBytes, MAX_READ_BYTES);
    Promise.resolve(log.resolve(from))
      .then(async (after) => ({ after, page: await log.read(after, limitBytes) }))
      .then(({ after, page }) => {
        const { epoch, head, oldest } = log;
        const isDamaged = page instanceof Damage;
        const frames = page === undefined || isDamaged ? NO_FRAMES : page.shared.frames;
        // Damaged messages are skipped: the page starts after them.
        const start = isDamaged && from.type === "position" ? page.last : after;
        const position = { epoch, offset: Math.max(start, oldest - 1) };
        const answer = encodeFrame({ type: "page", seq, position, head, oldest, frames });
        link.sendShared(SharedFrames.of(answer));
      })
      .finally(() => this.#options.topics.letGo(name))
      .catch((error: unknown) => {
        link.reject(seq, error instanceof ShardcastError ? error.code : "SHARDCAST_INTERNAL", "");
      });
  }
}
