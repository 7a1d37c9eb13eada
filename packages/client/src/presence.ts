// The application's interface to the members of a topic.
import { loadPresence } from "#lazy";
import { ShardcastError, type PresenceMember } from "@shardcast/protocol";
import { Emitter } from "./emitter.ts";
import { randomId } from "./random-id.ts";
import type {
  TopicPresence,
  EnterOptions,
  PresenceEvents,
  PresenceNumbers,
  TopicPresenceHost,
} from "./topic-presence.ts";

export interface PresenceOptions {
  /**
   * Whether to keep a list of the members. If false, only `enter`, `leave` and `numbers` work, and the client receives
   * no changes.
   * @default true
   */
  readonly watch?: boolean | undefined;
  /** The id of this client's own member. @default random */
  readonly memberId?: string | undefined;
}

/** The members of a topic, and this client's own member. */
export class Presence {
  readonly topic: string;
  /** The id of this client's own member. */
  readonly memberId: string;
  /** Resolves when the list is complete for the first time, immediately without `watch`. Rejects if it ends before. */
  readonly ready: Promise<void>;
  readonly #events = new Emitter<PresenceEvents>();
  readonly #onEnd: (presence: Presence) => void;
  /** The implementation is loaded when it is used. */
  readonly #loaded: Promise<TopicPresence>;
  #inner: TopicPresence | undefined;
  /** Set when the presence ends before it is loaded. */
  #end: ShardcastError | undefined;

  /** Called by the client only. */
  constructor(
    topic: string,
    { watch: isWatching = true, memberId = randomId() }: PresenceOptions,
    host: TopicPresenceHost,
    onEnd: (presence: Presence) => void,
  ) {
    this.topic = topic;
    this.memberId = memberId;
    this.#onEnd = onEnd;
    this.#loaded = loadPresence().then(
      ({ TopicPresence: Loaded }) => {
        if (this.#end !== undefined) throw this.#end;
        const events = this.#events;
        const options = { topic, memberId, isWatching, events, onEnd: () => onEnd(this) };
        return (this.#inner = new Loaded(options, host));
      },
      (cause: unknown) => {
        const error = new ShardcastError("SHARDCAST_LINK_LOST", String(cause), { cause });
        this.end(error);
        throw error;
      },
    );
    this.ready = this.#loaded.then((inner) => inner.ready);
    // An application that does not await `ready` need not handle its rejection.
    this.ready.catch(() => undefined);
  }

  /** The members, including this client's own; empty without `watch`. */
  get members(): PresenceMember[] {
    return this.#inner?.list.all ?? [];
  }

  /** Number of members. */
  get count(): number {
    return this.#inner?.list.count ?? 0;
  }

  /** Number of distinct users. Members without a user do not count. */
  get userCount(): number {
    return this.#inner?.list.userCount ?? 0;
  }

  /** Adds a listener. Returns a function that removes it. */
  on<Name extends keyof PresenceEvents>(
    name: Name,
    listener: (value: PresenceEvents[Name]) => void,
  ): () => void {
    return this.#events.on(name, listener);
  }

  /**
   * Makes this client a member until `leave` or `close`, across reconnects. A further call changes the info. Resolves
   * when the topic's owner has added it. If the client is lost, its member stays for the nodes' `--presence-timeout`.
   * @throws SHARDCAST_MEMBER_INVALID, SHARDCAST_TOPICS_LIMIT, SHARDCAST_CLOSED
   */
  async enter(options: EnterOptions = {}): Promise<void> {
    await (await this.#loaded).enter(options);
  }

  /** Removes this client's member. */
  leave(): void {
    void this.#loaded.then(
      (inner) => inner.leave(),
      () => undefined,
    );
  }

  /** Requests the number of members without following changes. @throws SHARDCAST_CLOSED */
  async numbers(): Promise<PresenceNumbers> {
    return (await this.#loaded).numbers();
  }

  /** Leaves, and stops following the changes. */
  close(): void {
    this.end(undefined);
  }

  /** Called by the client: it ends, with an error or because it is closed. */
  end(error: ShardcastError | undefined): void {
    if (this.#inner !== undefined) {
      this.#inner.end(error);
      return;
    }
    if (this.#end !== undefined) return;
    this.#end = error ?? new ShardcastError("SHARDCAST_CLOSED", "this presence is closed");
    this.#onEnd(this);
    if (error !== undefined) this.#events.emit("error", error);
  }

  /** Called by the client: the page is left or frozen. */
  pageLeft(): void {
    this.#inner?.pageLeft();
  }

  /** Called by the client: the page is shown again. */
  pageShown(): void {
    this.#inner?.pageShown();
  }
}
