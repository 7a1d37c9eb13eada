// The followers that one connection carries, and what stands for each on the link that is open: the
// client's number for the subscription, and the node's number for the topic.
import {
  encodeFrame,
  type CauseFrame,
  type GapFrame,
  type MessageFrame,
  type SubscribedFrame,
  type UnsubscribedFrame,
  type WelcomeFrame,
} from "@shardcast/protocol";
import type { Carrier, Follower } from "./follower.ts";
import type { FrameSink } from "./sender.ts";

interface Member {
  readonly follower: Follower;
  /** While the link follows the topic for it. */
  sub: number | undefined;
  /** Once the node has said so. Until then, and after `sub` is gone, messages of the topic are not its own. */
  topicId: number | undefined;
}

export class Following implements Carrier {
  /** By topic: a link carries one subscription of each. */
  readonly #members = new Map<string, Member>();
  readonly #bySub = new Map<number, Member>();
  readonly #byTopicId = new Map<number, Member>();
  readonly #emptied: () => void;
  #link: FrameSink | undefined;
  #maxTopics = Infinity;
  #nextSub = 1;
  #cause: CauseFrame | undefined;

  /** @param emptied told when the last follower has left */
  constructor(emptied: () => void) {
    this.#emptied = emptied;
  }

  get followers(): Follower[] {
    return Array.from(this.#members.values(), ({ follower }) => follower);
  }

  hasRoomFor(topic: string): boolean {
    return this.#members.size < this.#maxTopics && !this.#members.has(topic);
  }

  add(follower: Follower): void {
    follower.carrier = this;
    const member = { follower, sub: undefined, topicId: undefined };
    this.#members.set(follower.topic, member);
    this.#update(member);
  }

  remove(follower: Follower): void {
    const member = this.#members.get(follower.topic);
    if (member?.follower !== follower) return;
    this.#unsubscribe(member);
    this.#leave(follower);
  }

  update(follower: Follower): void {
    const member = this.#members.get(follower.topic);
    if (member?.follower === follower) this.#update(member);
  }

  opened(link: FrameSink, welcome: WelcomeFrame): void {
    this.#link = link;
    this.#maxTopics = welcome.maxTopics;
    for (const member of this.#members.values()) this.#update(member);
  }

  lost(): void {
    this.#link = undefined;
    for (const member of this.#bySub.values()) this.#forget(member);
  }

  subscribed(frame: SubscribedFrame): void {
    const member = this.#bySub.get(frame.sub);
    if (member === undefined) return;
    member.topicId = frame.topicId;
    this.#byTopicId.set(frame.topicId, member);
    member.follower.subscribed(frame);
  }

  received(frame: MessageFrame): void {
    this.#byTopicId.get(frame.topicId)?.follower.received(frame);
  }

  /** Why the gap is one that comes next. */
  caused(frame: CauseFrame): void {
    this.#cause = frame;
  }

  missed(frame: GapFrame): void {
    const code = this.#cause?.sub === frame.sub ? this.#cause.code : undefined;
    this.#cause = undefined;
    this.#bySub.get(frame.sub)?.follower.missed(frame, code);
  }

  /** An answer to `unsubscribe` finds nobody any more. */
  unsubscribed(frame: UnsubscribedFrame): void {
    const member = this.#bySub.get(frame.sub);
    if (member === undefined) return;
    const { follower } = member;
    this.#forget(member);
    this.#leave(follower);
    follower.refused(frame);
  }

  /** Makes the link do what the subscription wants. */
  #update(member: Member): void {
    if (!member.follower.wantsMessages) this.#unsubscribe(member);
    else if (member.sub === undefined) this.#subscribe(member);
  }

  #subscribe(member: Member): void {
    if (this.#link === undefined) return;
    const sub = this.#nextSub;
    this.#nextSub = (sub + 1) >>> 0;
    member.sub = sub;
    this.#bySub.set(sub, member);
    const { topic, from } = member.follower;
    this.#link.send(encodeFrame({ type: "subscribe", sub, topic, from }));
  }

  #unsubscribe(member: Member): void {
    const { sub } = member;
    if (sub === undefined) return;
    this.#forget(member);
    this.#link?.send(encodeFrame({ type: "unsubscribe", sub }));
  }

  #leave(follower: Follower): void {
    follower.carrier = undefined;
    this.#members.delete(follower.topic);
    if (this.#members.size === 0) this.#emptied();
  }

  #forget(member: Member): void {
    if (member.sub !== undefined) this.#bySub.delete(member.sub);
    if (member.topicId !== undefined) this.#byTopicId.delete(member.topicId);
    member.sub = undefined;
    member.topicId = undefined;
  }
}
