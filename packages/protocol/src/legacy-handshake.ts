// The node's side of the original queue's handshake, without the holes of the original: the client has
// to prove itself before the node answers anything, and each side is asked once. docs/protocol.md#legacy
//
//   node                          client
//    │── {"t":"h","o":n} ──────────▶│
//    │◀─ {"t":"h","o":c} ───────────│   kept, not answered yet
//    │◀─ {"t":"h","a":answer(n)} ───│   right: the link opens; wrong: it is over
//    │── {"t":"h","a":answer(c)} ──▶│   with the key that the client has shown
import type { LegacyFrame } from "./legacy-frame.ts";
import { encodeText } from "./text.ts";

/** A node's live keys, as the original handshake uses them. */
export interface LegacyKeys {
  /** `base64(SHA-256(key ‖ hex(once)))` of each live key. */
  legacyAnswers(once: number): readonly string[];
  /** Compares in a time that depends on the lengths alone. */
  isEqual(left: Uint8Array, right: Uint8Array): boolean;
}

/** What a frame means to the handshake. `wrong-answer` differs from `refuse` in that the client gets a decoy. */
export type LegacyStep = "wait" | "open" | "wrong-answer" | "refuse";

export class LegacyHandshake {
  readonly challenge: LegacyFrame;
  readonly #keys: LegacyKeys;
  readonly #once: number;
  /** Which of the live keys the client has shown; -1 until it has. */
  #keyIndex = -1;
  #clientsOnce: number | undefined;
  #isOver = false;

  /** @param once a random integer, not 0: to the original that is no challenge */
  constructor(keys: LegacyKeys, once: number) {
    this.#keys = keys;
    this.#once = once;
    this.challenge = { type: "challenge", once };
  }

  /** What to answer the client; undefined until it has proved itself, and where it asks nothing. */
  get answer(): string | undefined {
    if (this.#isOver || this.#clientsOnce === undefined) return undefined;
    return this.#keys.legacyAnswers(this.#clientsOnce)[this.#keyIndex];
  }

  /** Takes a challenge or an answer, of which each may come once. After a failure nothing helps any more. */
  receive(frame: LegacyFrame): LegacyStep {
    const step = this.#isOver ? "refuse" : this.#step(frame);
    this.#isOver = step === "wrong-answer" || step === "refuse";
    return step;
  }

  #step(frame: LegacyFrame): LegacyStep {
    if (frame.type === "challenge") return this.#challenged(frame.once);
    if (frame.type !== "answer" || this.#keyIndex >= 0) return "refuse";
    this.#keyIndex = this.#keyOf(frame.answer);
    return this.#keyIndex < 0 ? "wrong-answer" : "open";
  }

  #challenged(once: number): LegacyStep {
    // Whoever sends the node's own number wants it answered for himself (reflection).
    if (this.#clientsOnce !== undefined || once === this.#once) return "refuse";
    this.#clientsOnce = once;
    return "wait";
  }

  /** Compares with the answer of every key, so that the time does not tell which one it was. */
  #keyOf(answer: string): number {
    const given = encodeText(answer);
    let found = -1;
    for (const [index, expected] of this.#keys.legacyAnswers(this.#once).entries()) {
      if (this.#keys.isEqual(given, encodeText(expected))) found = index;
    }
    return found;
  }
}
