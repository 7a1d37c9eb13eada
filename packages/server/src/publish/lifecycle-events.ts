// Publishes events of links and topics as messages of the topics $events/…, for back ends and
// administrators. Off by default. docs/protocol.md#events
import type { EventKind } from "@shardcast/options";
import {
  encodeText,
  linkEventsTopic,
  topicEventsTopic,
  topicFault,
  topicOfPresence,
  isEventsTopic,
  type TopicFault,
} from "@shardcast/protocol";
import type { LinkAccess } from "../access/link-access.ts";
import type { NodePublisher } from "./node-publisher.ts";

/** The most events without an answer. Further events are dropped and counted. */
const MAX_PENDING = 10_000;

/** The fields of a link that its events contain. */
export interface EventLink {
  readonly id: string;
  readonly endpoint: string;
  readonly access: LinkAccess | undefined;
}

export class LifecycleEvents {
  /** Counts for the node's metrics. */
  readonly counters = { told: 0, dropped: 0 };
  readonly #nodeId: string;
  readonly #now: () => number;
  readonly #kinds: ReadonlySet<EventKind>;
  #publisher: NodePublisher | undefined;
  #pending = 0;

  /** @param now returns the current time, in ms since 1970 */
  constructor(nodeId: string, kinds: readonly EventKind[], now: () => number) {
    this.#nodeId = nodeId;
    this.#now = now;
    this.#kinds = new Set(kinds);
  }

  /**
   * Starts to publish events. The event `started` cancels all events that this node published
   * before it restarted.
   */
  start(publisher: NodePublisher): void {
    this.#publisher = publisher;
    if (this.has("links")) this.#tellLinks({ event: "started" });
  }

  has(kind: EventKind): boolean {
    return this.#kinds.has(kind);
  }

  connected(link: EventLink): void {
    this.#tellOfLink("connected", link);
  }

  disconnected(link: EventLink): void {
    this.#tellOfLink("disconnected", link);
  }

  subscribed(topic: string, link: Pick<EventLink, "access">): void {
    this.#tellOfSubscription("subscribed", topic, link);
  }

  unsubscribed(topic: string, link: Pick<EventLink, "access">): void {
    this.#tellOfSubscription("unsubscribed", topic, link);
  }

  occupied(topic: string): void {
    if (this.has("occupancy")) this.#tellTopic(topic, { event: "occupied" });
  }

  vacated(topic: string): void {
    if (this.has("occupancy")) this.#tellTopic(topic, { event: "vacated" });
  }

  #tellOfLink(event: string, { id, endpoint, access }: EventLink): void {
    if (!this.has("links") || endpoint === "producer" || endpoint === "relay") return;
    this.#tellLinks({ event, link: id, endpoint, user: access?.user ?? "" });
  }

  #tellOfSubscription(event: string, topic: string, { access }: Pick<EventLink, "access">): void {
    if (this.has("subscriptions")) this.#tellTopic(topic, { event, user: access?.user ?? "" });
  }

  #tellLinks(fields: Readonly<Record<string, string>>): void {
    this.#tell(linkEventsTopic(this.#nodeId), fields);
  }

  /** Events about the system's own topics are not published: each would cause another event. */
  #tellTopic(topic: string, fields: Readonly<Record<string, string>>): void {
    if (topicOfPresence(topic) !== undefined || isEventsTopic(topic)) return;
    this.#tell(topicEventsTopic(topic), { topic, ...fields });
  }

  #tell(topic: string, fields: Readonly<Record<string, string>>): void {
    if (!isEventsTopic(topic) || this.#publisher === undefined || this.#pending >= MAX_PENDING) {
      this.counters.dropped += 1;
      return;
    }
    const text = JSON.stringify({ ...fields, node: this.#nodeId, time: this.#now() });
    const attributes = { "content-type": "application/json" };
    const payload = encodeText(text);
    this.#pending += 1;
    this.#publisher.publish({ topic, attributes, payload }).then(
      () => {
        this.#pending -= 1;
        this.counters.told += 1;
      },
      () => {
        this.#pending -= 1;
        this.counters.dropped += 1;
      },
    );
  }
}

/** Returns why the node itself may not publish to a topic. */
export function eventsPublishFault(topic: string): TopicFault | undefined {
  return isEventsTopic(topic) ? undefined : topicFault(topic);
}
