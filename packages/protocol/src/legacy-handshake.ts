// The node's side of the original queue's handshake, without the original's weaknesses: the client must prove
// itself before the node answers, and each side may send one challenge. docs/protocol.md#legacy
//
//   node                          client
//    │── {"t":"h","o":n} ──────────▶│
//    │◀─ {"t":"h","o":c} ───────────│   stored, not answered yet
//    │◀─ {"t":"h","a":answer(n)} ───│   right: the link opens; wrong: the handshake fails
//    │── {"t":"h","a":answer(c)} ──▶│   made with the key that the client used
import type { LegacyFrame } from "./legacy-frame.ts";
import { encodeText } from "./text.ts";

/** A node's live keys, in the form that the original handshake needs. */
export interface LegacyKeys {
  /** Returns `base64(SHA-256(key ‖ hex(once)))` for each live key. */
  legacyAnswers(once: number): readonly string[];
  /** Compares in a time that depends only on the lengths. */
  isEqual(left: Uint8Array, right: Uint8Array): boolean;
}

/** The effect of a frame on the handshake. After `wrong-answer` the node sends a decoy, after `refuse` it does not. */
export type LegacyStep = "wait" | "open" | "wrong-answer" | "refuse";

export class LegacyHandshake {
  readonly challenge: LegacyFrame;
  readonly #keys: LegacyKeys;
  readonly #once: number;
  /** Index of the live key that the client used; -1 before its answer. */
  #keyIndex = -1;
  #clientsOnce: number | undefined;
  #isOver = false;

  /** @param once a random integer, not 0: the original treats 0 as no challenge */
  constructor(keys: LegacyKeys, once: number) {
    this.#keys = keys;
    this.#once = once;
    this.challenge = { type: "challenge", once };
  }

  /** The node's answer to the client's challenge; undefined if the client has not proved itself or sent none. */
  get answer(): string | undefined {
    if (this.#isOver || this.#clientsOnce === undefined) return undefined;
    return this.#keys.legacyAnswers(this.#clientsOnce)[this.#keyIndex];
  }

  /** Takes a challenge or an answer, at most one of each. After a failure every frame is refused. */
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
    // A client that sends the node's own number wants the node to compute the answer for it (reflection).
    if (this.#clientsOnce !== undefined || once === this.#once) return "refuse";
    this.#clientsOnce = once;
    return "wait";
  }

  /** Compares with the answers of all keys, so that the duration does not reveal which key matched. */
  #keyOf(answer: string): number {
    const given = encodeText(answer);
    let found = -1;
    for (const [index, expected] of this.#keys.legacyAnswers(this.#once).entries()) {
      if (this.#keys.isEqual(given, encodeText(expected))) found = index;
    }
    return found;
  }
}
