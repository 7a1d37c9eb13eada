// The users who are typing in a topic: the members of the topic `<topic>/typing`. A member changes its info while its
// user types, and leaves when the user stops. Other clients drop a member whose info is too old.
import type { PresenceMember } from "@shardcast/protocol";
import type { Presence } from "../presence.ts";
import type { ClientSource, StoresClient } from "./stores-client.ts";
import { SharedStore, Source } from "./store.ts";

export interface TypingStoreOptions {
  /** This application's user, as the others see it. @default the user of the client's token */
  readonly user?: string | undefined;
  /** For how long `setTyping(true)` holds, in ms, unless it is called again. @default 4000 */
  readonly timeoutMs?: number | undefined;
}

export interface TypingSnapshot {
  /** The users who are typing, except this application's own user, in alphabetical order. */
  readonly typing: readonly string[];
}

const INITIAL: TypingSnapshot = Object.freeze({ typing: Object.freeze([]) });

export class TypingSource extends Source<TypingSnapshot> {
  readonly #topic: string;
  readonly #user: string | undefined;
  readonly #timeoutMs: number;
  readonly #clientSource: ClientSource;
  #client: StoresClient | undefined;
  /** When each member was last heard of, by `performance.now`. */
  readonly #heard = new Map<string, { readonly user: string; readonly at: number }>();
  #presence: Presence | undefined;
  /** When this application last reported that it types; undefined if it does not. */
  #reportedAt: number | undefined;
  #reports = 0;
  #cancelStop: (() => void) | undefined;
  #cancelExpiry: (() => void) | undefined;
  #stops: (() => void)[] = [];

  constructor(topic: string, options: TypingStoreOptions, client: ClientSource) {
    super(INITIAL);
    this.#topic = topic;
    this.#user = options.user;
    this.#timeoutMs = options.timeoutMs ?? 4000;
    this.#clientSource = client;
  }

  setTyping(isTyping: boolean): void {
    this.#cancelStop?.();
    this.#cancelStop = undefined;
    if (this.#presence === undefined) return;
    if (!isTyping) {
      if (this.#reportedAt !== undefined) this.#presence.leave();
      this.#reportedAt = undefined;
      return;
    }
    this.#cancelStop = after(this.#timeoutMs, () => this.setTyping(false));
    const now = performance.now();
    // A report at each key would be too many.
    if (this.#reportedAt !== undefined && now - this.#reportedAt < this.#timeoutMs / 2) return;
    this.#reportedAt = now;
    this.#reports += 1;
    const member = { user: this.#ownUser ?? "", info: String(this.#reports) };
    // It fails if the client stops typing first, or may not enter. Nothing is lost.
    this.#presence.enter(member).catch(() => undefined);
  }

  protected start(): void {
    const client = (this.#client = this.#clientSource());
    if (client === undefined) return;
    try {
      const presence = client.presence(`${this.#topic}/typing`);
      this.#presence = presence;
      this.#listen(presence, client);
    } catch {
      // The topic is invalid or the client is closed: nobody types.
    }
  }

  protected stop(): void {
    this.setTyping(false);
    this.#cancelExpiry?.();
    for (const stop of this.#stops.splice(0)) stop();
    this.#presence?.close();
    this.#presence = undefined;
    this.#heard.clear();
  }

  protected build(): TypingSnapshot {
    const own = this.#ownUser;
    const users = Array.from(this.#heard.values(), ({ user }) => user);
    const others = users.filter((user) => user !== "" && user !== own);
    const typing = [...new Set(others)].sort();
    const last = this.snapshot;
    if (typing.join("\n") === last.typing.join("\n")) return last;
    return Object.freeze({ typing: Object.freeze(typing) });
  }

  get #ownUser(): string | undefined {
    return this.#user ?? this.#client?.user;
  }

  #listen(presence: Presence, client: StoresClient): void {
    const heard = ({ member: { memberId, user } }: { readonly member: PresenceMember }): void => {
      if (memberId === presence.memberId) return;
      this.#heard.set(memberId, { user, at: performance.now() });
      this.#expire();
    };
    this.#stops = [
      presence.on("join", heard),
      presence.on("update", heard),
      presence.on("leave", ({ member }) => {
        this.#heard.delete(member.memberId);
        this.changed();
      }),
      client.on("state", () => this.changed()),
    ];
  }

  /** Drops the members that have reported nothing for twice the time. */
  #expire(): void {
    const limitMs = 2 * this.#timeoutMs;
    const now = performance.now();
    for (const [memberId, { at }] of this.#heard) {
      if (now - at >= limitMs) this.#heard.delete(memberId);
    }
    this.changed();
    this.#cancelExpiry?.();
    if (this.#heard.size === 0) return;
    const oldest = Math.min(...Array.from(this.#heard.values(), ({ at }) => at));
    this.#cancelExpiry = after(oldest + limitMs - now, () => this.#expire());
  }
}

export class TypingStore extends SharedStore<TypingSnapshot, TypingSource> {
  /**
   * Reports that this application's user types, or has stopped. Call it with true at each key. Works while the store has
   * a listener.
   */
  readonly setTyping = (isTyping: boolean): void => this.source.setTyping(isTyping);
}

function after(waitMs: number, run: () => void): () => void {
  const timer = setTimeout(run, waitMs);
  return () => clearTimeout(timer);
}
