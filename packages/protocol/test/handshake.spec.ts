import { expect } from "chai";
import fc from "fast-check";
import { decodeFrames, encodeFrame } from "../src/binary-codec.ts";
import { ENDPOINTS, SUBPROTOCOLS, type Endpoint } from "../src/endpoint.ts";
import type { ChallengeFrame, Frame, ProofFrame, WelcomeFrame } from "../src/frame.ts";
import {
  ClientHandshake,
  NodeHandshake,
  handshakeTranscript,
  type ClientStep,
  type HandshakeContext,
  type HandshakeKeys,
  type WelcomeFields,
} from "../src/handshake.ts";
import { decodeJsonFrames, encodeJsonFrame } from "../src/json-codec.ts";
import { PskKeys, createNonce } from "../src/proof.ts";
import { FRAMES, frame, hex } from "./support.ts";

const KEYS = new PskKeys("correct horse battery staple");
const CONTEXT: HandshakeContext = { endpoint: "produce", subprotocol: SUBPROTOCOLS.binary };
const FIELDS: WelcomeFields = {
  nodeId: "p1",
  linkId: "link",
  maxPayloadBytes: 1_048_576,
  maxTopics: 1000,
  windowMessages: 4096,
  heartbeatMs: 25_000,
};
const MAC_OF_NOTHING = new Uint8Array(32);

function nodeOf(keys: HandshakeKeys = KEYS, context = CONTEXT): NodeHandshake {
  return new NodeHandshake(keys, context, createNonce());
}

function clientOf(keys: HandshakeKeys = KEYS, context = CONTEXT): ClientHandshake {
  return new ClientHandshake({ type: "keys", keys }, context, createNonce());
}

function proofOf(client: ClientHandshake, challenge: ChallengeFrame): ProofFrame {
  const step = client.receive(challenge);
  if (step.type !== "send" || step.frame.type !== "proof") {
    throw new Error(`the client does not prove itself: ${step.type}`);
  }
  return step.frame;
}

interface Outcome {
  readonly isAccepted: boolean;
  readonly step: ClientStep | undefined;
}

/** Runs a handshake to its end. A node that refuses the proof sends nothing. */
function play(node: NodeHandshake, client: ClientHandshake): Outcome {
  const welcome = node.accept(proofOf(client, node.challenge), FIELDS);
  const step = welcome === undefined ? undefined : client.receive(welcome);
  return { isAccepted: welcome !== undefined, step };
}

describe("handshake", () => {
  describe("between a node and a client with the same key", () => {
    for (const endpoint of Object.keys(ENDPOINTS) as Endpoint[]) {
      for (const subprotocol of Object.values(SUBPROTOCOLS)) {
        it(`opens a link on ${endpoint} with ${subprotocol}`, () => {
          const context = { endpoint, subprotocol };
          const { step } = play(nodeOf(KEYS, context), clientOf(KEYS, context));
          expect(step).to.deep.include({ type: "open" });
          expect(step?.type === "open" && step.welcome).to.deep.include({
            type: "welcome",
            ...FIELDS,
          });
        });
      }
    }

    it("works through both codecs, whose bytes may be used again", () => {
      const overBinary = (original: Frame): Frame | undefined =>
        decodeFrames(encodeFrame(original))[0];
      const overJson = (original: Frame): Frame | undefined =>
        decodeJsonFrames(encodeJsonFrame(original))[0];
      for (const over of [overBinary, overJson]) {
        const node = nodeOf();
        const client = clientOf();
        const challenge = over(node.challenge) as ChallengeFrame;
        const proof = over(proofOf(client, challenge)) as ProofFrame;
        challenge.nonce.fill(0);
        const welcome = over(node.accept(proof, FIELDS) as WelcomeFrame) as WelcomeFrame;
        expect(client.receive(welcome).type).to.equal("open");
      }
    });

    it("makes other macs for other nonces, and never the same for the two sides", () => {
      const macs = new Set<string>();
      for (let link = 0; link < 100; link += 1) {
        const node = nodeOf();
        const proof = proofOf(clientOf(), node.challenge);
        const welcome = node.accept(proof, FIELDS);
        macs.add(hex(proof.mac)).add(hex(welcome?.mac ?? MAC_OF_NOTHING));
      }
      expect(macs.size).to.equal(200);
    });
  });

  describe("the node", () => {
    it("refuses a wrong key, and says nothing", () => {
      expect(play(nodeOf(), clientOf(new PskKeys("wrong"))).isAccepted).to.equal(false);
    });

    it("refuses a wrong key under the right key's id", () => {
      const wrong = new PskKeys("wrong");
      const disguised: HandshakeKeys = {
        keyId: KEYS.keyId,
        mac: (_keyId, transcript) => wrong.mac(wrong.keyId, transcript),
        isEqual: (left, right) => wrong.isEqual(left, right),
      };
      expect(play(nodeOf(), clientOf(disguised)).isAccepted).to.equal(false);
    });

    it("refuses a client that knows no key, whatever it sends", () => {
      const mac = fc.oneof(
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        fc.uint8Array({ maxLength: 64 }),
        fc.constantFrom(MAC_OF_NOTHING, new Uint8Array(0)),
      );
      const keyId = fc.oneof(fc.constantFrom(KEYS.keyId, "", "__proto__"), fc.string());
      fc.assert(
        fc.property(mac, keyId, (guess, id) => {
          const proof = { type: "proof", keyId: id, nonce: createNonce(), mac: guess } as const;
          expect(nodeOf().accept(proof, FIELDS)).to.equal(undefined);
        }),
        { numRuns: 2000 },
      );
    });

    it("refuses a proof with any byte of its mac or nonce changed", () => {
      for (let index = 0; index < 32; index += 1) {
        for (const field of ["mac", "nonce"] as const) {
          const node = nodeOf();
          const proof = proofOf(clientOf(), node.challenge);
          const changed = proof[field].slice();
          changed[index] = (changed[index] ?? 0) ^ 0x80;
          expect(node.accept({ ...proof, [field]: changed }, FIELDS)).to.equal(undefined);
        }
      }
    });

    it("refuses its own nonce sent back, even with the right key (reflection)", () => {
      const node = nodeOf();
      const reflecting = new ClientHandshake(
        { type: "keys", keys: KEYS },
        CONTEXT,
        node.challenge.nonce,
      );
      expect(node.accept(proofOf(reflecting, node.challenge), FIELDS)).to.equal(undefined);
    });

    it("refuses its own mac of another link sent back (reflection)", () => {
      // An attacker without a key holds two links and shows the node's proof from one on the other.
      const first = nodeOf();
      const honest = proofOf(clientOf(), first.challenge);
      const welcome = first.accept(honest, FIELDS);
      expect(welcome).not.to.equal(undefined);
      const second = new NodeHandshake(KEYS, CONTEXT, first.challenge.nonce);
      const stolen = { ...honest, mac: welcome?.mac ?? MAC_OF_NOTHING };
      expect(second.accept(stolen, FIELDS)).to.equal(undefined);
    });

    it("refuses an earlier proof on a new link (replay)", () => {
      const earlier = nodeOf();
      const proof = proofOf(clientOf(), earlier.challenge);
      expect(earlier.accept(proof, FIELDS)).not.to.equal(undefined);
      expect(nodeOf().accept(proof, FIELDS)).to.equal(undefined);
    });

    it("refuses a proof that was made for another endpoint", () => {
      for (const endpoint of Object.keys(ENDPOINTS) as Endpoint[]) {
        if (endpoint === CONTEXT.endpoint) continue;
        const client = clientOf(KEYS, { ...CONTEXT, endpoint });
        expect(play(nodeOf(), client).isAccepted).to.equal(false);
      }
    });

    it("refuses a proof that was made for another subprotocol", () => {
      const client = clientOf(KEYS, { ...CONTEXT, subprotocol: SUBPROTOCOLS.json });
      expect(play(nodeOf(), client).isAccepted).to.equal(false);
    });

    it("refuses a second proof, after a right one and after a wrong one", () => {
      const node = nodeOf();
      const proof = proofOf(clientOf(), node.challenge);
      expect(node.accept(proof, FIELDS)).not.to.equal(undefined);
      expect(node.accept(proof, FIELDS)).to.equal(undefined);

      const strict = nodeOf();
      const right = proofOf(clientOf(), strict.challenge);
      expect(strict.accept({ ...right, mac: MAC_OF_NOTHING }, FIELDS)).to.equal(undefined);
      expect(strict.accept(right, FIELDS)).to.equal(undefined);
    });
  });

  describe("the client", () => {
    it("proves itself only once, to the first challenge", () => {
      const client = clientOf();
      const node = nodeOf();
      proofOf(client, node.challenge);
      expect(client.receive(nodeOf().challenge).type).to.equal("fail");
    });

    it("refuses a node that does not know the key", () => {
      const client = clientOf();
      const node = nodeOf();
      proofOf(client, node.challenge);
      const step = client.receive({ type: "welcome", ...FIELDS, mac: createNonce() });
      expect(step).to.deep.equal({
        type: "fail",
        reason: "the node did not prove that it knows the key",
      });
    });

    it("refuses its own mac sent back (reflection)", () => {
      const client = clientOf();
      const { mac } = proofOf(client, nodeOf().challenge);
      expect(client.receive({ type: "welcome", ...FIELDS, mac }).type).to.equal("fail");
    });

    it("refuses an earlier welcome on a new link (replay)", () => {
      const node = nodeOf();
      const earlier = clientOf();
      const welcome = node.accept(proofOf(earlier, node.challenge), FIELDS) as WelcomeFrame;
      expect(earlier.receive(welcome).type).to.equal("open");
      const client = clientOf();
      proofOf(client, node.challenge);
      expect(client.receive(welcome).type).to.equal("fail");
    });

    it("refuses a welcome of another endpoint", () => {
      const keys = KEYS;
      const client = clientOf(keys);
      const node = nodeOf(keys);
      const proof = proofOf(client, node.challenge);
      const nonces = { node: node.challenge.nonce, client: proof.nonce };
      const context = { ...CONTEXT, endpoint: "connect" } as const;
      const mac = keys.mac(keys.keyId, handshakeTranscript("node", context, nonces));
      expect(
        client.receive({ type: "welcome", ...FIELDS, mac: mac ?? MAC_OF_NOTHING }).type,
      ).to.equal("fail");
    });

    it("refuses a welcome before the challenge", () => {
      const client = clientOf();
      expect(client.receive({ type: "welcome", ...FIELDS, mac: MAC_OF_NOTHING }).type).to.equal(
        "fail",
      );
    });

    it("refuses every frame that is no part of the handshake", () => {
      fc.assert(
        fc.property(frame, (other) => {
          if (other.type === "challenge") return;
          expect(clientOf().receive(other).type).to.equal("fail");
        }),
        { numRuns: 300 },
      );
    });

    it("stays shut after a failure, whatever comes then", () => {
      const client = clientOf();
      const node = nodeOf();
      const proof = proofOf(client, node.challenge);
      const welcome = node.accept(proof, FIELDS) as WelcomeFrame;
      expect(client.receive({ type: "heartbeat" }).type).to.equal("fail");
      expect(client.receive(welcome).type).to.equal("fail");
    });

    it("opens once", () => {
      const client = clientOf();
      const node = nodeOf();
      const welcome = node.accept(proofOf(client, node.challenge), FIELDS) as WelcomeFrame;
      expect(client.receive(welcome).type).to.equal("open");
      expect(client.receive(welcome).type).to.equal("fail");
    });

    it("gives up where it has no key", () => {
      const none: HandshakeKeys = { keyId: "", mac: () => undefined, isEqual: () => true };
      const step = clientOf(none).receive(nodeOf().challenge);
      expect(step).to.deep.equal({ type: "fail", reason: "no key" });
    });

    it("never opens on arbitrary frames of somebody without the key", () => {
      const attempts = fc.array(fc.oneof(FRAMES.challenge, FRAMES.welcome, frame), {
        maxLength: 5,
      });
      fc.assert(
        fc.property(attempts, (received) => {
          const client = clientOf();
          for (const one of received) expect(client.receive(one).type).not.to.equal("open");
        }),
        { numRuns: 1000 },
      );
    });
  });

  describe("with two live keys", () => {
    const node = { before: new PskKeys("old", "new"), after: new PskKeys("new", "old") };
    const client = { old: new PskKeys("old"), new: new PskKeys("new") };

    for (const [stage, nodeKeys] of Object.entries(node)) {
      for (const [which, clientKeys] of Object.entries(client)) {
        it(`a node ${stage} the change accepts a client with the ${which} key, which accepts the node`, () => {
          expect(play(nodeOf(nodeKeys), clientOf(clientKeys)).step?.type).to.equal("open");
        });
      }
    }

    it("nodes before and after the change accept each other", () => {
      expect(play(nodeOf(node.before), clientOf(node.after)).step?.type).to.equal("open");
      expect(play(nodeOf(node.after), clientOf(node.before)).step?.type).to.equal("open");
    });

    it("a node that has dropped the old key refuses it", () => {
      expect(play(nodeOf(client.new), clientOf(client.old)).isAccepted).to.equal(false);
    });
  });

  it("signs a transcript in which no field can run into the next", () => {
    const node = new Uint8Array(32).fill(0xaa);
    const nonces = { node, client: new Uint8Array(32).fill(0xbb) };
    const transcripts = new Set<string>();
    for (const label of ["client", "node"] as const) {
      for (const endpoint of Object.keys(ENDPOINTS) as Endpoint[]) {
        for (const subprotocol of Object.values(SUBPROTOCOLS)) {
          const transcript = handshakeTranscript(label, { endpoint, subprotocol }, nonces);
          const head = `shardcast.v1 ${label}\0${endpoint}\0${subprotocol}\0`;
          expect(hex(transcript)).to.equal(
            hex(Buffer.from(head)) + "aa".repeat(32) + "bb".repeat(32),
          );
          transcripts.add(hex(transcript));
        }
      }
    }
    expect(transcripts.size).to.equal(2 * 5 * 2);
  });
});
