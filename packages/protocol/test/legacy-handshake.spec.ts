import { expect } from "chai";
import fc from "fast-check";
import type { LegacyFrame } from "../src/legacy-frame.ts";
import { LegacyHandshake, type LegacyKeys } from "../src/legacy-handshake.ts";
import { PskKeys, createLegacyOnce, legacyAnswer } from "../src/proof.ts";

const PSK = "pre-shared-key";
const KEYS = new PskKeys(PSK);
const ONCE = 0x1234_5678_9abc;
/** Computed with the original queue's own code, for this key and the number 255. */
const ANSWER_TO_255 = "vijoJPrreNqmTvJyCw6RS6LMHxOAw0iRlB/cT/WOQCM=";

function handshake(keys: LegacyKeys = KEYS): LegacyHandshake {
  return new LegacyHandshake(keys, ONCE);
}

function challenge(once: number): LegacyFrame {
  return { type: "challenge", once };
}

function answer(psk = PSK, once = ONCE): LegacyFrame {
  return { type: "answer", answer: legacyAnswer(psk, once) };
}

describe("the legacy handshake", () => {
  it("asks first", () => {
    expect(handshake().challenge).to.deep.equal(challenge(ONCE));
  });

  it("opens on the right answer, and only then answers what the client asked before", () => {
    const node = handshake();
    expect(node.receive(challenge(255))).to.equal("wait");
    expect(node.answer).to.equal(undefined);
    expect(node.receive(answer())).to.equal("open");
    expect(node.answer).to.equal(ANSWER_TO_255);
  });

  it("answers a client that asks afterwards, and opens for one that never asks", () => {
    const node = handshake();
    expect(node.receive(answer())).to.equal("open");
    expect(node.answer).to.equal(undefined);
    expect(node.receive(challenge(255))).to.equal("wait");
    expect(node.answer).to.equal(ANSWER_TO_255);
  });

  it("answers a challenge of 0", () => {
    const node = handshake();
    expect(node.receive(challenge(0))).to.equal("wait");
    expect(node.receive(answer())).to.equal("open");
    expect(node.answer).to.equal(legacyAnswer(PSK, 0));
  });

  it("refuses a wrong answer, and a right one behind it", () => {
    const node = handshake();
    node.receive(challenge(255));
    expect(node.receive(answer("wrong"))).to.equal("wrong-answer");
    expect(node.receive(answer())).to.equal("refuse");
    expect(node.answer).to.equal(undefined);
  });

  it("refuses its own number sent back (reflection), before the proof and after", () => {
    const before = handshake();
    expect(before.receive(challenge(ONCE))).to.equal("refuse");
    expect(before.receive(answer())).to.equal("refuse");
    expect(before.answer).to.equal(undefined);
    const after = handshake();
    after.receive(answer());
    expect(after.receive(challenge(ONCE))).to.equal("refuse");
    expect(after.answer).to.equal(undefined);
  });

  it("refuses a second challenge, before the proof and after", () => {
    const before = handshake();
    before.receive(challenge(1));
    expect(before.receive(challenge(1))).to.equal("refuse");
    expect(before.receive(answer())).to.equal("refuse");
    const after = handshake();
    after.receive(challenge(1));
    after.receive(answer());
    expect(after.receive(challenge(2))).to.equal("refuse");
    expect(after.answer).to.equal(undefined);
  });

  it("refuses a second answer, though it is the right one", () => {
    const node = handshake();
    expect(node.receive(answer())).to.equal("open");
    expect(node.receive(answer())).to.equal("refuse");
  });

  it("refuses every other frame before the proof", () => {
    const others: readonly LegacyFrame[] = [
      { type: "message", topic: "a", data: "b" },
      { type: "subscribe", topic: "a" },
      { type: "unsubscribe", topic: "a" },
    ];
    for (const other of others) {
      const node = handshake();
      expect(node.receive(other)).to.equal("refuse");
      expect(node.receive(answer())).to.equal("refuse");
    }
  });

  it("refuses whoever knows no key, whatever is sent", () => {
    const guess = fc.oneof(
      fc.string().map((text): LegacyFrame => ({ type: "answer", answer: text })),
      fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes): LegacyFrame => ({
        type: "answer",
        answer: Buffer.from(bytes).toString("base64"),
      })),
      fc.maxSafeNat().map(challenge),
    );
    fc.assert(
      fc.property(fc.array(guess, { maxLength: 6 }), (frames) => {
        const node = handshake();
        for (const frame of frames) expect(node.receive(frame)).not.to.equal("open");
        expect(node.answer).to.equal(undefined);
      }),
      { numRuns: 1000 },
    );
  });

  it("compares the answer with that of every live key by the keys' own comparison, and by nothing else", () => {
    let compared = 0;
    const counting: LegacyKeys = {
      legacyAnswers: () => ["one", "two", "three"],
      isEqual: (left, right) => {
        compared += 1;
        return KEYS.isEqual(left, right);
      },
    };
    expect(handshake(counting).receive({ type: "answer", answer: "one" })).to.equal("open");
    expect(compared).to.equal(3);
    expect(handshake(counting).receive({ type: "answer", answer: "no" })).to.equal("wrong-answer");
    expect(compared).to.equal(6);
  });

  describe("with two live keys", () => {
    const keys = new PskKeys("new", "old");

    for (const psk of ["new", "old"]) {
      it(`takes the ${psk} one, and answers with it`, () => {
        const node = handshake(keys);
        node.receive(challenge(255));
        expect(node.receive(answer(psk))).to.equal("open");
        expect(node.answer).to.equal(legacyAnswer(psk, 255));
      });
    }

    it("takes no third one", () => {
      expect(handshake(keys).receive(answer("older"))).to.equal("wrong-answer");
    });
  });
});

describe("createLegacyOnce", () => {
  it("gives whole numbers that the original does not take for none, far more than its 31 bits of them", () => {
    const numbers = Array.from({ length: 2000 }, createLegacyOnce);
    expect(new Set(numbers).size).to.equal(numbers.length);
    expect(numbers.every((number) => Number.isSafeInteger(number) && number > 0)).to.equal(true);
    expect(Math.max(...numbers)).to.be.above(2 ** 46);
    expect(Math.max(...numbers)).to.be.below(2 ** 47);
  });
});
