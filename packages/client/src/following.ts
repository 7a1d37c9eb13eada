// The followers of one connection, and for each the numbers that identify it on the open link: the client's number
// for the subscription and the node's number for the topic.
import {
  encodeFrame,
  type CauseFrame,
  type GapFrame,
  type MessageFrame,
  type SubscribedFrame,
  type UnsubscribedFrame,
  type WelcomeFrame,
} from "@shardcast/protocol";
import type { Carrier, TopicFollower } from "./topic-follower.ts";
import type { FrameOutput } from "./sender.ts";

interface CarriedTopic {
  readonly follower: TopicFollower;
  /** The client's number for the subscription while the link is subscribed. */
  sub: number | undefined;
  /** The node's number for the topic, once it has confirmed `sub`. Other messages of the topic are not for this follower. */
  topicId: number | undefined;
}

export class Following implements Carrier {
  /** By topic: a link carries one subscription per topic. */
  readonly #topics = new Map<string, CarriedTopic>();
  readonly #bySub = new Map<number, CarriedTopic>();
  readonly #byTopicId = new Map<number, CarriedTopic>();
  readonly #onEmpty: () => void;
  #link: FrameOutput | undefined;
  #maxTopics = Infinity;
  #nextSub = 1;
  #cause: CauseFrame | undefined;

  /** @param onEmpty called when the last follower has left */
  constructor(onEmpty: () => void) {
    this.#onEmpty = onEmpty;
  }

  get followers(): TopicFollower[] {
    return Array.from(this.#topics.values(), ({ follower }) => follower);
  }

  hasRoomFor(topic: string): boolean {
    return this.#topics.size < this.#maxTopics && !this.#topics.has(topic);
  }

  add(follower: TopicFollower): void {
    follower.carrier = this;
    const carried = { follower, sub: undefined, topicId: undefined };
    this.#topics.set(follower.topic, carried);
    this.#update(carried);
  }

  remove(follower: TopicFollower): void {
    const carried = this.#topics.get(follower.topic);
    if (carried?.follower !== follower) return;
    this.#unsubscribe(carried);
    this.#leave(follower);
  }

  update(follower: TopicFollower): void {
    const carried = this.#topics.get(follower.topic);
    if (carried?.follower === follower) this.#update(carried);
  }

  opened(link: FrameOutput, welcome: WelcomeFrame): void {
    this.#link = link;
    this.#maxTopics = welcome.maxTopics;
    for (const carried of this.#topics.values()) this.#update(carried);
  }

  lost(): void {
    this.#link = undefined;
    for (const carried of this.#bySub.values()) this.#forget(carried);
  }

  subscribed(frame: SubscribedFrame): void {
    const carried = this.#bySub.get(frame.sub);
    if (carried === undefined) return;
    carried.topicId = frame.topicId;
    this.#byTopicId.set(frame.topicId, carried);
    carried.follower.subscribed(frame);
  }

  received(frame: MessageFrame): void {
    this.#byTopicId.get(frame.topicId)?.follower.received(frame);
  }

  /** The reason of the gap that follows. */
  caused(frame: CauseFrame): void {
    this.#cause = frame;
  }

  missed(frame: GapFrame): void {
    const code = this.#cause?.sub === frame.sub ? this.#cause.code : undefined;
    this.#cause = undefined;
    this.#bySub.get(frame.sub)?.follower.missed(frame, code);
  }

  /** The answer to an `unsubscribe` finds no entry and is ignored. */
  unsubscribed(frame: UnsubscribedFrame): void {
    const carried = this.#bySub.get(frame.sub);
    if (carried === undefined) return;
    const { follower } = carried;
    this.#forget(carried);
    this.#leave(follower);
    follower.refused(frame);
  }

  /** Subscribes or unsubscribes, as the follower wants. */
  #update(carried: CarriedTopic): void {
    if (!carried.follower.wantsMessages) this.#unsubscribe(carried);
    else if (carried.sub === undefined) this.#subscribe(carried);
  }

  #subscribe(carried: CarriedTopic): void {
    if (this.#link === undefined) return;
    const sub = this.#nextSub;
    this.#nextSub = (sub + 1) >>> 0;
    carried.sub = sub;
    this.#bySub.set(sub, carried);
    const { topic, from } = carried.follower;
    this.#link.send(encodeFrame({ type: "subscribe", sub, topic, from }));
  }

  #unsubscribe(carried: CarriedTopic): void {
    const { sub } = carried;
    if (sub === undefined) return;
    this.#forget(carried);
    this.#link?.send(encodeFrame({ type: "unsubscribe", sub }));
  }

  #leave(follower: TopicFollower): void {
    follower.carrier = undefined;
    this.#topics.delete(follower.topic);
    if (this.#topics.size === 0) this.#onEmpty();
  }

  #forget(carried: CarriedTopic): void {
    if (carried.sub !== undefined) this.#bySub.delete(carried.sub);
    if (carried.topicId !== undefined) this.#byTopicId.delete(carried.topicId);
    carried.sub = undefined;
    carried.topicId = undefined;
  }
}
