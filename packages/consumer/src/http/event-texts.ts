// Batches as server-sent events: written once for all streams that get the same.
import type { SharedFrames } from "@shardcast/server";
import { messagesOf } from "./message-json.ts";

interface Text {
  readonly epoch: string;
  readonly text: string;
}

export class EventTexts {
  readonly #texts = new WeakMap<SharedFrames, Text>();

  of(shared: SharedFrames, epoch: string): string {
    const known = this.#texts.get(shared);
    if (known?.epoch === epoch) return known.text;
    const text = messagesOf(shared.frames, epoch)
      .map((message) => `id: ${message.position}\ndata: ${JSON.stringify(message)}\n\n`)
      .join("");
    this.#texts.set(shared, { epoch, text });
    return text;
  }
}
