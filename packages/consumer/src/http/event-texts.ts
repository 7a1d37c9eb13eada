// Batches as server-sent events: written once for all streams that get the same.
import type { SharedFrames } from "@shardcast/server";
import { messagesOf } from "./message-json.ts";

interface Text {
  readonly shared: SharedFrames;
  readonly epoch: string;
  readonly text: string;
}

export class EventTexts {
  /**
   * The latest alone: a batch goes to all who are at head in one go. One text a batch, for as long as the batch is
   * kept, would be what a topic may keep once more.
   */
  #last: Text | undefined;

  of(shared: SharedFrames, epoch: string): string {
    if (this.#last?.shared === shared && this.#last.epoch === epoch) return this.#last.text;
    const text = messagesOf(shared.frames, epoch)
      .map((message) => `id: ${message.position}\ndata: ${JSON.stringify(message)}\n\n`)
      .join("");
    this.#last = { shared, epoch, text };
    return text;
  }
}
