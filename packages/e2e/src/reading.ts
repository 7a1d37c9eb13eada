// One subscription, and a check that it is complete: each message once and in order, and each
// missing range announced by a gap.
import type { Client, Gap, Message } from "@shardcast/client";

export class Reading {
  readonly texts: string[] = [];
  readonly gaps: Gap[] = [];
  /** Messages and gaps that do not follow what came before. */
  readonly faults: string[] = [];
  readonly ready: Promise<unknown>;
  #next: { readonly epoch: string; readonly offset: number } | undefined;

  constructor(client: Client, topic: string, from: string) {
    const subscription = client.subscribe(topic, { from });
    subscription.on("message", (message) => this.#message(message));
    subscription.on("gap", (gap) => this.#gap(gap));
    subscription.on("error", (error) => this.faults.push(error.message));
    this.ready = subscription.ready;
  }

  #message(message: Message): void {
    const { epoch, offset } = message;
    this.#follow(epoch, offset, "message");
    this.#next = { epoch, offset: offset + 1 };
    this.texts.push(message.text().trimEnd());
  }

  #gap(gap: Gap): void {
    const { epoch, first, last, isNewEpoch, code } = gap;
    this.gaps.push(gap);
    if (!isNewEpoch) this.#follow(epoch, first, "gap");
    if (code !== undefined) this.faults.push(`a gap for ${code}`);
    this.#next = { epoch, offset: last + 1 };
  }

  #follow(epoch: string, offset: number, what: string): void {
    const next = this.#next;
    if (next === undefined || (next.epoch === epoch && next.offset === offset)) return;
    this.faults.push(`a ${what} at ${epoch}_${offset} where ${next.epoch}_${next.offset} is next`);
  }
}
