// Records what a subscription receives.
import type { Client, Gap, Message } from "@shardcast/client";
import { eventually } from "@shardcast/faults";

export class Recorded {
  readonly messages: Message[] = [];
  readonly gaps: Gap[] = [];

  /** Resolves when the subscription has started. */
  static async follow(client: Client, topic: string, from = "live"): Promise<Recorded> {
    const recorded = new Recorded();
    const subscription = client.subscribe(topic, { from });
    subscription.on("message", (message) => recorded.messages.push(message));
    subscription.on("gap", (gap) => recorded.gaps.push(gap));
    await subscription.ready;
    return recorded;
  }

  get data(): unknown[] {
    return this.messages.map(({ data }) => data);
  }

  /** Waits for a message with this data; messages are in order. */
  async until(last: unknown): Promise<this> {
    await eventually(`the message ${String(last)}`, () => this.data.includes(last));
    return this;
  }
}

export function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

/** A topic that a given consumer owns. */
export function topicOf(cluster: { ownerOf(topic: string): string }, id: string): string {
  for (let number = 0; ; number += 1) {
    const topic = `topic-${number}`;
    if (cluster.ownerOf(topic) === id) return topic;
  }
}
