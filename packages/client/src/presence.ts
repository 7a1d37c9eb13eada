// The application's interface to the members of a topic.
import type { PresenceMember } from "@shardcast/protocol";
import type {
  TopicPresence,
  EnterOptions,
  PresenceEvents,
  PresenceNumbers,
} from "./topic-presence.ts";

export interface PresenceOptions {
  /**
   * Whether to keep a list of the members. If false, only `enter`, `leave` and `numbers` work, and the client receives
   * no changes.
   * @default true
   */
  readonly watch?: boolean | undefined;
}

/** The members of a topic, and this client's own member. */
export class Presence {
  readonly topic: string;
  /** The id of this client's own member. */
  readonly memberId: string;
  /** Resolves when the list is complete for the first time, immediately without `watch`. Rejects if it ends before. */
  readonly ready: Promise<void>;
  readonly #inner: TopicPresence;

  /** Called by the client only. */
  constructor(inner: TopicPresence) {
    this.topic = inner.topic;
    this.memberId = inner.memberId;
    this.ready = inner.ready;
    this.#inner = inner;
  }

  /** The members, including this client's own; empty without `watch`. */
  get members(): PresenceMember[] {
    return this.#inner.list.all;
  }

  /** Number of members. */
  get count(): number {
    return this.#inner.list.count;
  }

  /** Number of distinct users. Members without a user do not count. */
  get userCount(): number {
    return this.#inner.list.userCount;
  }

  /** Adds a listener. Returns a function that removes it. */
  on<Name extends keyof PresenceEvents>(
    name: Name,
    listener: (value: PresenceEvents[Name]) => void,
  ): () => void {
    return this.#inner.events.on(name, listener);
  }

  /**
   * Makes this client a member until `leave` or `close`, across reconnects. A further call changes the info. Resolves
   * when the topic's owner has added it. If the client is lost, its member stays for the nodes' `--presence-timeout`.
   * @throws SHARDCAST_MEMBER_INVALID, SHARDCAST_TOPICS_LIMIT, SHARDCAST_CLOSED
   */
  enter(options: EnterOptions = {}): Promise<void> {
    return this.#inner.enter(options);
  }

  /** Removes this client's member. */
  leave(): void {
    this.#inner.leave();
  }

  /** Requests the number of members without following changes. @throws SHARDCAST_CLOSED */
  numbers(): Promise<PresenceNumbers> {
    return this.#inner.numbers();
  }

  /** Leaves, and stops following the changes. */
  close(): void {
    this.#inner.end(undefined);
  }
}
