// The handshake as two state machines, one a side: frames in, frames and verdicts out. No sockets, no
// clock, no hash function: those come in from outside. docs/protocol.md#handshake
//
//   node                                   client
//    │── challenge{nodeNonce} ──────────────▶│
//    │◀─ proof{keyId, clientNonce, mac} ─────│   mac over the transcript, label "client"
//    │── welcome{mac, limits} ──────────────▶│   mac over the transcript, label "node"
//
// The node proves itself only after the client has: who knows no key learns nothing from it. A client that
// holds no key brings a token in place of the proof; whether it is good is not decided here.
import type { Endpoint, Subprotocol } from "./endpoint.ts";
import type {
  ChallengeFrame,
  Frame,
  LinkLimits,
  ProofFrame,
  TokenFrame,
  WelcomeFrame,
} from "./frame.ts";
import { encodeText } from "./text.ts";

/** Who made a mac. The two sides sign different labels, so neither's mac can stand for the other's. */
export type ProofLabel = "client" | "node";

/** A link's keys: makes macs with the newest key, and knows those of all live ones. */
export interface Keys {
  /** The id of the key that this side proves itself with. */
  readonly keyId: string;
  /** HMAC-SHA256 of the transcript; undefined where no live key has the id. */
  mac(keyId: string, transcript: Uint8Array): Uint8Array | undefined;
  /** Compares two macs in a time that does not depend on them. */
  isEqual(left: Uint8Array, right: Uint8Array): boolean;
}

/** What the macs bind besides the nonces, so that a proof serves for one link of one kind only. */
export interface HandshakeContext {
  readonly endpoint: Endpoint;
  readonly subprotocol: Subprotocol;
}

export interface WelcomeFields extends LinkLimits {
  readonly nodeId: string;
  readonly linkId: string;
}

/** `"shardcast.v1 " label 00 endpoint 00 subprotocol 00 nodeNonce clientNonce` */
export function handshakeTranscript(
  label: ProofLabel,
  context: HandshakeContext,
  nonces: { readonly node: Uint8Array; readonly client: Uint8Array },
): Uint8Array {
  const head = encodeText(`shardcast.v1 ${label}\0${context.endpoint}\0${context.subprotocol}\0`);
  const transcript = new Uint8Array(head.length + nonces.node.length + nonces.client.length);
  transcript.set(head);
  transcript.set(nonces.node, head.length);
  transcript.set(nonces.client, head.length + nonces.node.length);
  return transcript;
}

/** The node's side of one link. One proof is all it takes: right or wrong, a second is an offence. */
export class NodeHandshake {
  readonly challenge: ChallengeFrame;
  readonly #keys: Keys;
  readonly #context: HandshakeContext;
  #isSpent = false;

  /** @param nonce 32 random bytes, never used before */
  constructor(keys: Keys, context: HandshakeContext, nonce: Uint8Array) {
    this.#keys = keys;
    this.#context = context;
    this.challenge = { type: "challenge", nonce };
  }

  /** Gives the welcome to send where the proof is right, undefined where the link has to end. */
  accept(proof: ProofFrame, fields: WelcomeFields): WelcomeFrame | undefined {
    if (this.#isSpent) return undefined;
    this.#isSpent = true;
    const nonces = { node: this.challenge.nonce, client: proof.nonce };
    // A client that sends the node's nonce back as its own tries to have the node answer itself.
    if (this.#keys.isEqual(nonces.node, nonces.client)) return undefined;
    const expected = this.#mac("client", proof.keyId, nonces);
    if (expected === undefined || !this.#keys.isEqual(expected, proof.mac)) return undefined;
    const mac = this.#mac("node", proof.keyId, nonces);
    return mac === undefined ? undefined : { type: "welcome", mac, ...fields };
  }

  #mac(
    label: ProofLabel,
    keyId: string,
    nonces: { readonly node: Uint8Array; readonly client: Uint8Array },
  ): Uint8Array | undefined {
    return this.#keys.mac(keyId, handshakeTranscript(label, this.#context, nonces));
  }
}

/** What the client does next: send a frame, use the link, or give up. */
export type ClientStep =
  | { readonly type: "send"; readonly frame: ProofFrame | TokenFrame }
  | { readonly type: "open"; readonly welcome: WelcomeFrame }
  | { readonly type: "fail"; readonly reason: string };

/** What a client brings: keys to prove that it knows, or a token that tells who it is. */
export type Credentials =
  | { readonly type: "keys"; readonly keys: Keys }
  | { readonly type: "token"; readonly token: string };

/** The client's side of one link: waits for the challenge, then for the welcome. One of each is all it takes. */
export class ClientHandshake {
  readonly #credentials: Credentials;
  readonly #context: HandshakeContext;
  readonly #nonce: Uint8Array;
  #nodeNonce: Uint8Array | undefined;
  #isSpent = false;

  constructor(credentials: Credentials, context: HandshakeContext, nonce: Uint8Array) {
    this.#credentials = credentials;
    this.#context = context;
    this.#nonce = nonce;
  }

  receive(frame: Frame): ClientStep {
    const step = this.#isSpent ? unexpected(frame) : this.#step(frame);
    // After a failure nothing that comes may open the link.
    this.#isSpent = step.type !== "send";
    return step;
  }

  #step(frame: Frame): ClientStep {
    if (frame.type === "challenge" && this.#nodeNonce === undefined) {
      // A copy: the frame is a view into a buffer that is about to be used again.
      this.#nodeNonce = frame.nonce.slice();
      return this.#answer(this.#nodeNonce);
    }
    if (frame.type === "welcome" && this.#nodeNonce !== undefined) {
      return this.#welcomed(frame, this.#nodeNonce);
    }
    return unexpected(frame);
  }

  #answer(nodeNonce: Uint8Array): ClientStep {
    const credentials = this.#credentials;
    if (credentials.type === "token") {
      return { type: "send", frame: { type: "token", token: credentials.token } };
    }
    const { keyId } = credentials.keys;
    const mac = this.#mac("client", credentials.keys, nodeNonce);
    if (mac === undefined) return { type: "fail", reason: "no key" };
    return { type: "send", frame: { type: "proof", keyId, nonce: this.#nonce, mac } };
  }

  /** To who brings a token TLS alone tells who the node is. */
  #welcomed(welcome: WelcomeFrame, nodeNonce: Uint8Array): ClientStep {
    const credentials = this.#credentials;
    if (credentials.type === "token") return { type: "open", welcome };
    const expected = this.#mac("node", credentials.keys, nodeNonce);
    if (expected === undefined || !credentials.keys.isEqual(expected, welcome.mac)) {
      return { type: "fail", reason: "the node did not prove that it knows the key" };
    }
    return { type: "open", welcome };
  }

  #mac(label: ProofLabel, keys: Keys, node: Uint8Array): Uint8Array | undefined {
    const nonces = { node, client: this.#nonce };
    return keys.mac(keys.keyId, handshakeTranscript(label, this.#context, nonces));
  }
}

function unexpected(frame: Frame): ClientStep {
  return { type: "fail", reason: `a ${frame.type} frame does not belong here in the handshake` };
}
