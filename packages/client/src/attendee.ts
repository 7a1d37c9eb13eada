// What stands behind a Presence: one client on one topic's list, and what it knows of the list.
//
// The list is asked for page by page, and kept up to date by the messages of the topic that tells its changes;
// those that come while it is asked for wait until it is there. docs/protocol.md#members
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
import type { Attendant, Attending, Question } from "./attending.ts";
import { Emitter } from "./emitter.ts";
import { Follower, type FollowerHost } from "./follower.ts";
import { MemberList, type MemberChange } from "./member-list.ts";
import type { Message } from "./message.ts";
import { changeOf, type PresenceChange } from "./presence-change.ts";
import { randomId } from "./random-id.ts";
import { refusalOf } from "./refusal.ts";

const PAGE_COUNT = 1000;

export interface EnterOptions {
  /** Who it is: several members, as the tabs of a browser, may be one user's. @default "" (nobody says) */
  readonly user?: string | undefined;
  /** For the others to see, up to 1024 bytes of UTF-8. @default "" */
  readonly info?: string | undefined;
}

/** How many are on a topic. */
export interface PresenceNumbers {
  /** Members. */
  readonly count: number;
  /** Different users; members that are nobody's do not count. */
  readonly users: number;
}

export interface PresenceEvents {
  /** Somebody came; `isFirst` where it is the first of its user's members. */
  readonly join: { readonly member: PresenceMember; readonly isFirst: boolean };
  /** Somebody left; `isLast` where it was the last of its user's members. */
  readonly leave: { readonly member: PresenceMember; readonly isLast: boolean };
  /** Somebody has another `info`. */
  readonly update: { readonly member: PresenceMember };
  /** It ended by itself, or this client's member was refused for good. */
  readonly error: ShardcastError;
}

interface Held {
  readonly message: Message;
  readonly change: PresenceChange;
}

interface Waiting<Result> {
  readonly resolve: (result: Result) => void;
  readonly reject: (error: ShardcastError) => void;
}

export interface AttendeeHost extends FollowerHost {
  readonly attend: (attendant: Attendant) => void;
  /** Starts following; the client ends it. */
  readonly follow: (follower: Follower) => void;
  readonly leftPresence: (attendee: Attendee) => void;
}

export class Attendee implements Attendant {
  readonly topic: string;
  readonly presenceTopic: string;
  readonly ready: Promise<void>;
  attending: Attending | undefined;
  readonly #host: AttendeeHost;
  readonly memberId = randomId();
  readonly events = new Emitter<PresenceEvents>();
  readonly list = new MemberList();
  readonly #follower: Follower | undefined;
  /** As whom this client is, or is to be, on the list. */
  #self: PresenceMember | undefined;
  #entering: Waiting<void>[] = [];
  #counting: Waiting<PresenceNumbers>[] = [];
  /** The list that is being asked for; answers for another one come too late. */
  #asking: { position: Position | undefined; readonly members: PresenceMember[] } | undefined;
  /** The list has to be asked for (again). */
  #isStale = false;
  #held: Held[] = [];
  #failureCount = 0;
  #cancelRetry: (() => void) | undefined;
  #isClosed = false;
  #resolveReady: () => void = () => undefined;
  #rejectReady: (error: ShardcastError) => void = () => undefined;

  constructor(topic: string, isWatching: boolean, host: AttendeeHost) {
    this.topic = topic;
    this.presenceTopic = presenceTopic(topic);
    this.#host = host;
    this.ready = new Promise((resolve, reject) => {
      this.#resolveReady = resolve;
      this.#rejectReady = reject;
    });
    // Who does not wait for it need not handle its end.
    this.ready.catch(() => undefined);
    if (isWatching) this.#follower = this.#watch();
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
    this.#refuseEntering(new ShardcastError("SHARDCAST_CLOSED", "left before the owner knew"));
  }

  numbers(): Promise<PresenceNumbers> {
    if (this.#isClosed) return Promise.reject(closedError());
    return new Promise((resolve, reject) => {
      this.#counting.push({ resolve, reject });
      this.#askNumbers();
    });
  }

  /** The end, by the application (no error) or by what went wrong. */
  end(error: ShardcastError | undefined): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#cancelRetry?.();
    this.attending?.remove(this, false);
    this.#follower?.end(undefined);
    this.#host.leftPresence(this);
    const reason = error ?? closedError();
    this.#refuseEntering(reason);
    for (const { reject } of this.#counting.splice(0)) reject(reason);
    this.#rejectReady(reason);
    if (error !== undefined) this.events.emit("error", error);
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

  #watch(): Follower {
    const options = { topic: this.presenceTopic, from: { type: "live" }, gaps: "event" } as const;
    const follower = new Follower(options, this.#host);
    const resync = (): void => {
      this.#isStale = true;
      this.#sync();
    };
    // Also after a reconnect: whoever was lost with a node has left without a word.
    follower.inbox.on("subscribed", resync);
    follower.inbox.on("gap", resync);
    follower.inbox.on("message", (message) => this.#received(message));
    follower.inbox.on("error", (error) => this.end(error));
    this.#host.follow(follower);
    return follower;
  }

  #enter(): void {
    const member = this.#self;
    if (member === undefined) return;
    const question = (seq: number): Question => ({
      ...{ type: "enter", seq, topic: this.topic },
      ...member,
    });
    this.attending?.ask(question, (answer) => {
      // Meanwhile it may have left, or entered as another.
      if (this.#self !== member) return;
      if (answer.type !== "reject") {
        this.#failureCount = 0;
        for (const { resolve } of this.#entering.splice(0)) resolve();
        return;
      }
      const { error, isFinal } = refusalOf(answer);
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

  /** Asks for the list where it is wanted, and not being asked for. */
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
    const question = (seq: number): Question => ({ type: "presence", seq, topic, after, limit });
    this.attending?.ask(question, (answer) => {
      if (answer.type === "present") take(answer);
      if (answer.type !== "reject") return;
      const { error, isFinal } = refusalOf(answer);
      if (isFinal) this.end(error);
      else this.#retry(error);
    });
  }

  /** A node cannot say at the moment: all that has no answer is asked again. */
  #retry(error: ShardcastError): void {
    if (this.#isClosed) return;
    const { settings, runtime, misrouted } = this.#host;
    if (error.code === "SHARDCAST_NOT_OWNER") misrouted();
    this.lost();
    const waitMs = backoffMs(settings.reconnect, this.#failureCount, runtime.random());
    this.#failureCount += 1;
    this.#cancelRetry?.();
    this.#cancelRetry = runtime.after(waitMs, () => this.opened());
  }

  #synced(position: Position, members: readonly PresenceMember[]): void {
    this.#asking = undefined;
    this.#failureCount = 0;
    // A new owner knows some of them only, and tells to ask anew when it knows all.
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
