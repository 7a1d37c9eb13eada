// The implementation of a Presence: the client's own member on one topic's list, and the list as far as the client
// knows it.
//
// The client requests the list page by page and keeps it up to date from the messages of the presence topic. Changes
// that arrive while it requests the list are applied after the last page. docs/protocol.md#members
import {
  NO_EPOCH,
  PRESENCE_INCOMPLETE,
  ShardcastError,
  backoffMs,
  memberFault,
  presenceTopic,
  type LeaveFrame,
  type Position,
  type PresenceMember,
  type PresentFrame,
} from "@shardcast/protocol";
import type { Attendant, Attending, PresenceRequest } from "./attending.ts";
import type { Emitter } from "./emitter.ts";
import type { TopicFollowerHost } from "./topic-follower.ts";
import type { TopicReader, TopicReaderOptions } from "./topic-reader.ts";
import { MemberList, type MemberChange } from "./member-list.ts";
import type { Message } from "./message.ts";
import { changeOf, type PresenceChange } from "./presence-change.ts";
import { nodeRefusalOf } from "./node-refusal.ts";

const PAGE_COUNT = 1000;

export interface EnterOptions {
  /** The member's user. Several members, such as browser tabs, may belong to one user. @default "" (anonymous) */
  readonly user?: string | undefined;
  /** Text for the other members, up to 1024 bytes of UTF-8. @default "" */
  readonly info?: string | undefined;
}

/** The number of members of a topic. */
export interface PresenceNumbers {
  /** Number of members. */
  readonly count: number;
  /** Number of distinct users. Members without a user do not count. */
  readonly users: number;
}

export interface PresenceEvents {
  /** A member joined. `isFirst`: it is its user's first member. */
  readonly join: { readonly member: PresenceMember; readonly isFirst: boolean };
  /** A member left. `isLast`: it was its user's last member. */
  readonly leave: { readonly member: PresenceMember; readonly isLast: boolean };
  /** A member changed its `info`. */
  readonly update: { readonly member: PresenceMember };
  /** The presence ended because of an error, or a node permanently refused this client's member. */
  readonly error: ShardcastError;
}

interface HeldChange {
  readonly message: Message;
  readonly change: PresenceChange;
}

interface PendingCall<Result> {
  readonly resolve: (result: Result) => void;
  readonly reject: (error: ShardcastError) => void;
}

export interface TopicPresenceHost extends TopicFollowerHost {
  readonly attend: (attendant: Attendant) => void;
  /** Starts a reader. The client ends it when it closes. */
  readonly follow: (topic: string, options: TopicReaderOptions) => TopicReader;
}

export interface TopicPresenceOptions {
  readonly topic: string;
  readonly memberId: string;
  /** Whether to keep a list of the members. */
  readonly isWatching: boolean;
  readonly events: Emitter<PresenceEvents>;
  readonly onEnd: () => void;
}

export class TopicPresence implements Attendant {
  readonly topic: string;
  readonly presenceTopic: string;
  readonly ready: Promise<void>;
  attending: Attending | undefined;
  readonly #host: TopicPresenceHost;
  readonly memberId: string;
  readonly events: Emitter<PresenceEvents>;
  readonly list = new MemberList();
  readonly #reader: TopicReader | undefined;
  /** This client's member, once `enter` was called; undefined after `leave`. */
  #self: PresenceMember | undefined;
  #entering: PendingCall<void>[] = [];
  #counting: PendingCall<PresenceNumbers>[] = [];
  /** The list request in progress. Responses to an earlier request are ignored. */
  #asking: { position: Position | undefined; readonly members: PresenceMember[] } | undefined;
  /** The list must be requested (again). */
  #isStale = false;
  #held: HeldChange[] = [];
  #failureCount = 0;
  #cancelRetry: (() => void) | undefined;
  readonly #onEnd: () => void;
  /** The page is hidden for good, or frozen: the member has left, and returns with the page. */
  #isAway = false;
  #isClosed = false;
  #resolveReady: () => void = () => undefined;
  #rejectReady: (error: ShardcastError) => void = () => undefined;

  constructor(
    { topic, memberId, isWatching, events, onEnd }: TopicPresenceOptions,
    host: TopicPresenceHost,
  ) {
    this.topic = topic;
    this.memberId = memberId;
    this.events = events;
    this.#onEnd = onEnd;
    this.presenceTopic = presenceTopic(topic);
    this.#host = host;
    this.ready = new Promise((resolve, reject) => {
      this.#resolveReady = resolve;
      this.#rejectReady = reject;
    });
    // An application that does not await `ready` need not handle its rejection.
    this.ready.catch(() => undefined);
    if (isWatching) this.#reader = this.#watch();
    else this.#resolveReady();
    host.attend(this);
  }

  enter({ user = "", info = "" }: EnterOptions): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#isClosed) throw closedError();
      const member = { memberId: this.memberId, user, info };
      if (memberFault(member)) throw new ShardcastError("SHARDCAST_MEMBER_INVALID");
      if (this.#self !== undefined && this.#self.user !== user) this.leave();
      this.#self = member;
      this.#entering.push({ resolve, reject });
      this.#enter();
    });
  }

  leave(): void {
    this.attending?.tell(this.farewell(false));
    this.#self = undefined;
    this.#refuseEntering(
      new ShardcastError("SHARDCAST_CLOSED", "left before the owner confirmed the member"),
    );
  }

  numbers(): Promise<PresenceNumbers> {
    if (this.#isClosed) return Promise.reject(closedError());
    return new Promise((resolve, reject) => {
      this.#counting.push({ resolve, reject });
      this.#askNumbers();
    });
  }

  /** Ends the presence: by the application (no error), or because of an error. */
  end(error: ShardcastError | undefined): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#cancelRetry?.();
    this.attending?.remove(this, false);
    this.#reader?.end(undefined);
    this.#onEnd();
    const reason = error ?? closedError();
    this.#refuseEntering(reason);
    for (const { reject } of this.#counting.splice(0)) reject(reason);
    this.#rejectReady(reason);
    if (error !== undefined) this.events.emit("error", error);
  }

  get isEnded(): boolean {
    return this.#isClosed;
  }

  /** The page is left: the member leaves at once. */
  pageLeft(): void {
    this.attending?.tell(this.farewell(false));
    this.#isAway = true;
  }

  /** The page is shown again. */
  pageShown(): void {
    if (!this.#isAway) return;
    this.#isAway = false;
    this.#enter();
  }

  opened(): void {
    if (this.#self !== undefined) this.#enter();
    if (this.#counting.length > 0) this.#askNumbers();
    this.#sync();
  }

  lost(): void {
    if (this.#asking !== undefined) this.#isStale = true;
    this.#asking = undefined;
    this.#held = [];
  }

  farewell(isLost: boolean): LeaveFrame | undefined {
    if (this.#self === undefined) return undefined;
    const { memberId, user } = this.#self;
    return { type: "leave", topic: this.topic, memberId, user, lost: isLost };
  }

  #watch(): TopicReader {
    const reader = this.#host.follow(this.presenceTopic, { from: { type: "live" }, gaps: "event" });
    const resync = (): void => {
      this.#isStale = true;
      this.#sync();
    };
    // Also after a reconnect: members that were lost with a node have left without a message.
    reader.inbox.on("subscribed", resync);
    reader.inbox.on("gap", resync);
    reader.inbox.on("message", (message) => this.#received(message));
    reader.inbox.on("error", (error) => this.end(error));
    return reader;
  }

  #enter(): void {
    const member = this.#self;
    if (member === undefined || this.#isAway) return;
    const request = (seq: number): PresenceRequest => ({
      type: "enter",
      seq,
      topic: this.topic,
      ...member,
    });
    this.attending?.ask(request, (response) => {
      // Meanwhile the client may have left, or entered with other values.
      if (this.#self !== member) return;
      if (response.type !== "reject") {
        this.#failureCount = 0;
        for (const { resolve } of this.#entering.splice(0)) resolve();
        return;
      }
      const { error, isFinal } = nodeRefusalOf(response);
      if (!isFinal) {
        this.#retry(error);
        return;
      }
      this.#self = undefined;
      if (this.#entering.length === 0) this.events.emit("error", error);
      this.#refuseEntering(error);
    });
  }

  #askNumbers(): void {
    this.#askPage(0, 0, ({ count, users }) => {
      for (const { resolve } of this.#counting.splice(0)) resolve({ count, users });
    });
  }

  /** Requests the list if it is stale and no request is in progress. */
  #sync(): void {
    if (!this.#isStale || this.#asking !== undefined || this.attending === undefined) return;
    this.#isStale = false;
    this.#asking = { position: undefined, members: [] };
    this.#askNextPage(0);
  }

  #askNextPage(after: number): void {
    const asking = this.#asking;
    this.#askPage(after, PAGE_COUNT, ({ position, members, next }) => {
      if (asking === undefined || this.#asking !== asking) return;
      asking.position ??= position;
      asking.members.push(...members);
      if (next === 0) this.#synced(asking.position, asking.members);
      else this.#askNextPage(next);
    });
  }

  #askPage(after: number, limit: number, take: (page: PresentFrame) => void): void {
    const { topic } = this;
    const request = (seq: number): PresenceRequest => ({
      type: "presence",
      seq,
      topic,
      after,
      limit,
    });
    this.attending?.ask(request, (response) => {
      if (response.type === "present") take(response);
      if (response.type !== "reject") return;
      const { error, isFinal } = nodeRefusalOf(response);
      if (isFinal) this.end(error);
      else this.#retry(error);
    });
  }

  /** A node cannot answer at the moment: repeats all unanswered requests after a wait. */
  #retry(error: ShardcastError): void {
    if (this.#isClosed) return;
    const { settings, runtime, onMisrouted } = this.#host;
    if (error.code === "SHARDCAST_NOT_OWNER") onMisrouted();
    this.lost();
    const waitMs = backoffMs(settings.reconnect, this.#failureCount, runtime.random());
    this.#failureCount += 1;
    this.#cancelRetry?.();
    this.#cancelRetry = runtime.after(waitMs, () => this.opened());
  }

  #synced(position: Position, members: readonly PresenceMember[]): void {
    this.#asking = undefined;
    this.#failureCount = 0;
    // A new owner knows only some members. When its list is complete, it notifies the watchers.
    const { epoch, offset } = PRESENCE_INCOMPLETE;
    const isWhole = position.epoch !== epoch || position.offset !== offset;
    this.#tell(isWhole ? this.list.replace(members) : this.list.apply(members, []));
    for (const { message, change } of this.#held.splice(0)) {
      const isSame = message.epoch === position.epoch;
      if (position.epoch === NO_EPOCH || (isSame && message.offset > position.offset))
        this.#tell(this.list.apply(change.joined, change.left));
    }
    this.#resolveReady();
    this.#sync();
  }

  #received(message: Message): void {
    const change = changeOf(message);
    if (change === undefined || change.isReset) {
      this.#isStale = true;
      this.#sync();
    } else if (this.#asking !== undefined) this.#held.push({ message, change });
    else this.#tell(this.list.apply(change.joined, change.left));
  }

  #tell(changes: readonly MemberChange[]): void {
    for (const { type, ...event } of changes) {
      this.events.emit(type, event);
    }
  }

  #refuseEntering(error: ShardcastError): void {
    for (const { reject } of this.#entering.splice(0)) reject(error);
  }
}

function closedError(): ShardcastError {
  return new ShardcastError("SHARDCAST_CLOSED", "this presence is closed");
}
