// The frames of the original queue: one JSON object per WebSocket text message. Input is untrusted, and is read
// the way the original code reads it. docs/protocol.md#legacy
//
//   {"t":"h","o":<integer>}                challenge, both directions
//   {"t":"h","a":<base64>}                 answer, both directions
//   {"t":"m","d":<string>,"s":<topic>}     message, both directions
//   {"t":"s","s":<topic>}                  subscribe, client → node: declared by the original, never handled
//   {"t":"u","s":<topic>}                  unsubscribe, client → node: declared by the original, never handled
import { malformed } from "./byte-reader.ts";

export type LegacyFrame =
  | { readonly type: "challenge"; readonly once: number }
  | { readonly type: "answer"; readonly answer: string }
  | { readonly type: "message"; readonly topic: string; readonly data: string }
  | { readonly type: "subscribe"; readonly topic: string }
  | { readonly type: "unsubscribe"; readonly topic: string };

export function encodeLegacyFrame(frame: LegacyFrame): string {
  switch (frame.type) {
    case "challenge":
      return JSON.stringify({ t: "h", o: frame.once });
    case "answer":
      return JSON.stringify({ t: "h", a: frame.answer });
    case "message":
      return JSON.stringify({ t: "m", d: frame.data, s: frame.topic });
    case "subscribe":
      return JSON.stringify({ t: "s", s: frame.topic });
    case "unsubscribe":
      return JSON.stringify({ t: "u", s: frame.topic });
  }
}

/** @throws SHARDCAST_FRAME_MALFORMED if the text is none of the five frames */
export function decodeLegacyFrame(text: string): LegacyFrame {
  const { t, o, a, d, s } = parseObject(text);
  switch (t) {
    case "h":
      // Like the original: an empty `a` counts as absent; if `a` is present, `o` is ignored.
      return a === undefined || a === null || a === ""
        ? { type: "challenge", once: onceOf(o) }
        : { type: "answer", answer: textOf("a", a) };
    case "m":
      return { type: "message", topic: textOf("s", s), data: textOf("d", d) };
    case "s":
      return { type: "subscribe", topic: textOf("s", s) };
    case "u":
      return { type: "unsubscribe", topic: textOf("s", s) };
    default:
      throw malformed("the original protocol has no frame with this t");
  }
}

interface Fields {
  readonly t?: unknown;
  readonly o?: unknown;
  readonly a?: unknown;
  readonly d?: unknown;
  readonly s?: unknown;
}

function parseObject(text: string): Fields {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The parser's message quotes the input, so it stays out of the reason.
    throw malformed("not JSON");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw malformed("a frame must be a JSON object");
  }
  return value;
}

function textOf(name: string, value: unknown): string {
  if (typeof value !== "string") throw malformed(`${name} must be a string`);
  return value;
}

/** Accepts only a number: any other value could choose, by its `toString`, the text that is hashed with the key. */
function onceOf(value: unknown): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) {
    throw malformed(`o must be a whole number from 0 to ${Number.MAX_SAFE_INTEGER}`);
  }
  return value;
}
