// The members of a topic, and this application's own member: one, no matter how many stores enter.
import type { PresenceMember, ShardcastError } from "@shardcast/protocol";
import type { Presence } from "../presence.ts";
import type { EnterOptions } from "../topic-presence.ts";
import type { ClientSource, StoresClient } from "./stores-client.ts";
import { SharedStore, Source } from "./store.ts";

export interface PresenceStoreOptions {
  /** Whether to keep a list of the members. @default true */
  readonly watch?: boolean | undefined;
}

export interface PresenceSnapshot {
  readonly members: readonly PresenceMember[];
  /** Number of members. */
  readonly count: number;
  /** Number of distinct users. Members without a user do not count. */
  readonly userCount: number;
  /** The list is complete. */
  readonly isReady: boolean;
  /** The id of this application's own member, if it enters. */
  readonly memberId: string | undefined;
  /** Why the presence has ended, or why a node has refused this application's member. */
  readonly error: ShardcastError | undefined;
}

const INITIAL: PresenceSnapshot = Object.freeze({
  members: Object.freeze([]),
  count: 0,
  userCount: 0,
  isReady: false,
  memberId: undefined,
  error: undefined,
});

export class PresenceSource extends Source<PresenceSnapshot> {
  readonly #topic: string;
  readonly #isWatching: boolean;
  readonly #clientSource: ClientSource;
  #client: StoresClient | undefined;
  /** One entry for each caller of `enter`. The latest decides what the member is. */
  readonly #entries = new Set<EnterOptions>();
  #entered: Required<{ [Name in keyof EnterOptions]: string }> | undefined;
  #presence: Presence | undefined;
  #isReady = false;
  #error: ShardcastError | undefined;
  #stops: (() => void)[] = [];

  constructor(topic: string, { watch = true }: PresenceStoreOptions, client: ClientSource) {
    super(INITIAL);
    this.#topic = topic;
    this.#isWatching = watch;
    this.#clientSource = client;
  }

  enter(options: EnterOptions): () => void {
    // Two callers may enter with the same object.
    const entry = { ...options };
    this.#entries.add(entry);
    this.#update();
    return () => {
      this.#entries.delete(entry);
      this.#update();
    };
  }

  protected start(): void {
    const client = (this.#client = this.#clientSource());
    if (client === undefined) return;
    this.#isReady = false;
    this.#error = undefined;
    try {
      const presence = client.presence(this.#topic, { watch: this.#isWatching });
      this.#presence = presence;
      this.#listen(presence, client);
    } catch (error) {
      this.#error = error as ShardcastError;
    }
  }

  protected stop(): void {
    for (const stop of this.#stops.splice(0)) stop();
    this.#presence?.close();
    this.#presence = undefined;
    this.#entered = undefined;
  }

  protected build(): PresenceSnapshot {
    const { members = [], count = 0, userCount = 0, memberId } = this.#presence ?? {};
    return Object.freeze({
      members: Object.freeze(members),
      ...{ count, userCount },
      isReady: this.#isReady,
      memberId: this.#entered === undefined ? undefined : memberId,
      error: this.#error,
    });
  }

  #listen(presence: Presence, client: StoresClient): void {
    const changed = (): void => this.changed();
    this.#stops = [
      ...(["join", "leave", "update"] as const).map((name) => presence.on(name, changed)),
      presence.on("error", (error) => this.#failed(presence, error)),
      // The client knows the user of its token from its first link on.
      client.on("state", () => this.#update()),
    ];
    presence.ready.then(
      () => {
        this.#isReady = this.#presence === presence;
        this.changed();
      },
      (error: unknown) => this.#failed(presence, error as ShardcastError),
    );
  }

  #failed(presence: Presence, error: ShardcastError): void {
    if (this.#presence !== presence) return;
    this.#error = error;
    this.changed();
  }

  /** At the end of the turn: React leaves and enters again in one turn. */
  #update(): void {
    queueMicrotask(() => this.#enterOrLeave());
  }

  #enterOrLeave(): void {
    const presence = this.#presence;
    if (presence === undefined) return;
    const last = [...this.#entries].at(-1);
    if (last === undefined) {
      if (this.#entered !== undefined) presence.leave();
      this.#entered = undefined;
      this.changed();
      return;
    }
    const { user = this.#client?.user ?? "", info = "" } = last;
    if (this.#entered?.user === user && this.#entered.info === info) return;
    const entered = (this.#entered = { user, info });
    this.changed();
    presence.enter(entered).catch((error: unknown) => {
      // Leaving rejects it too.
      if (this.#entered === entered) this.#failed(presence, error as ShardcastError);
    });
  }
}

export class PresenceStore extends SharedStore<PresenceSnapshot, PresenceSource> {
  /**
   * Makes this application a member until the returned function is called. Further calls share the member; the last one
   * decides its `info`. `user` defaults to the user of the client's token.
   */
  readonly enter = (options: EnterOptions = {}): (() => void) => {
    const release = this.subscribe(() => undefined);
    const leave = this.source.enter(options);
    return () => {
      leave();
      release();
    };
  };
}
