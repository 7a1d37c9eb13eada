// Follows topics with the SDK and records everything received.
import type { Client, Gap, Message } from "@shardcast/client";
import { eventually } from "@shardcast/faults";

export class Recorder {
  readonly messages: Message[] = [];
  readonly gaps: Gap[] = [];

  private constructor(client: Client, topic: string, from: string) {
    const subscription = client.subscribe(topic, { from });
    subscription.on("message", (message) => this.messages.push(message));
    subscription.on("gap", (gap) => this.gaps.push(gap));
    this.ready = subscription.ready.then(() => undefined);
  }

  readonly ready: Promise<void>;

  /** Resolves when the subscription has started. */
  static async follow(client: Client, topic: string, from = "live"): Promise<Recorder> {
    const recorder = new Recorder(client, topic, from);
    await recorder.ready;
    return recorder;
  }

  get texts(): string[] {
    return this.messages.map((message) => message.text());
  }

  get positions(): string[] {
    return this.messages.map(({ position }) => position);
  }

  async count(messages: number): Promise<this> {
    await eventually(`${messages} messages`, () => this.messages.length >= messages);
    return this;
  }
}
