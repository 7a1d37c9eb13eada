// Batches as server-sent events, encoded once for all streams that get the same batch.
import type { SharedFrames } from "@shardcast/protocol/websocket";
import { messagesOf } from "./message-json.ts";

interface Text {
  readonly epoch: string;
  /** Held only by the streams that have not sent it yet. */
  readonly bytes: WeakRef<Buffer>;
}

export class EventTexts {
  readonly #texts = new WeakMap<SharedFrames, Text>();

  of(shared: SharedFrames, epoch: string): Buffer {
    const known = this.#texts.get(shared);
    const kept = known?.epoch === epoch ? known.bytes.deref() : undefined;
    if (kept !== undefined) return kept;
    const text = messagesOf(shared.frames, epoch)
      .map((message) => `id: ${message.position}\ndata: ${JSON.stringify(message)}\n\n`)
      .join("");
    const bytes = Buffer.from(text);
    this.#texts.set(shared, { epoch, bytes: new WeakRef(bytes) });
    return bytes;
  }
}
