// The handshake as two state machines, one for each side. They take frames and return frames and verdicts; the
// caller provides sockets, clock and hash functions. docs/protocol.md#handshake
//
//   node                                   client
//    │── challenge{nodeNonce} ──────────────▶│
//    │◀─ proof{keyId, clientNonce, mac} ─────│   mac over the transcript, label "client"
//    │── welcome{mac, limits} ──────────────▶│   mac over the transcript, label "node"
//
// The node sends its proof only after the client's, so a client without the key learns nothing. A client
// without the key sends a token in place of the proof. These state machines do not verify the token.
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

/** The side that made a mac. Each side signs its own label, so neither side's mac can pass as the other's. */
export type ProofLabel = "client" | "node";

/** The live pre-shared keys of one side of a link. */
export interface HandshakeKeys {
  /** The id of the key that this side uses for its proof. */
  readonly keyId: string;
  /** Returns the HMAC-SHA256 of the transcript; undefined if no live key has this id. */
  mac(keyId: string, transcript: Uint8Array): Uint8Array | undefined;
  /** Compares two macs in constant time. */
  isEqual(left: Uint8Array, right: Uint8Array): boolean;
}

/** The macs cover these fields and the nonces, so a proof is valid for one link of one kind only. */
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

/** The node's side of one link. It accepts one proof; a second one fails, whether the first was right or wrong. */
export class NodeHandshake {
  readonly challenge: ChallengeFrame;
  readonly #keys: HandshakeKeys;
  readonly #context: HandshakeContext;
  #isSpent = false;

  /** @param nonce 32 random bytes, never used before */
  constructor(keys: HandshakeKeys, context: HandshakeContext, nonce: Uint8Array) {
    this.#keys = keys;
    this.#context = context;
    this.challenge = { type: "challenge", nonce };
  }

  /** Returns the welcome to send if the proof is right, undefined if the link must end. */
  accept(proof: ProofFrame, fields: WelcomeFields): WelcomeFrame | undefined {
    if (this.#isSpent) return undefined;
    this.#isSpent = true;
    const nonces = { node: this.challenge.nonce, client: proof.nonce };
    // A client that returns the node's nonce as its own tries to make the node answer itself (reflection).
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

/** The client's next step: send a frame, use the link, or give up. */
export type ClientStep =
  | { readonly type: "send"; readonly frame: ProofFrame | TokenFrame }
  | { readonly type: "open"; readonly welcome: WelcomeFrame }
  | { readonly type: "fail"; readonly reason: string };

/** The client's means of authentication: keys for a proof, or a token. */
export type Credentials =
  | { readonly type: "keys"; readonly keys: HandshakeKeys }
  | { readonly type: "token"; readonly token: string };

/** The client's side of one link. It accepts one challenge, then one welcome. */
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
    // After a failure no later frame may open the link.
    this.#isSpent = step.type !== "send";
    return step;
  }

  #step(frame: Frame): ClientStep {
    if (frame.type === "challenge" && this.#nodeNonce === undefined) {
      // A copy, because the frame is a view into a buffer that will be reused.
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

  /** A client with a token cannot verify a proof: only TLS authenticates the node to it. */
  #welcomed(welcome: WelcomeFrame, nodeNonce: Uint8Array): ClientStep {
    const credentials = this.#credentials;
    if (credentials.type === "token") return { type: "open", welcome };
    const expected = this.#mac("node", credentials.keys, nodeNonce);
    if (expected === undefined || !credentials.keys.isEqual(expected, welcome.mac)) {
      return { type: "fail", reason: "the node did not prove that it knows the key" };
    }
    return { type: "open", welcome };
  }

  #mac(label: ProofLabel, keys: HandshakeKeys, node: Uint8Array): Uint8Array | undefined {
    const nonces = { node, client: this.#nonce };
    return keys.mac(keys.keyId, handshakeTranscript(label, this.#context, nonces));
  }
}

function unexpected(frame: Frame): ClientStep {
  return { type: "fail", reason: `unexpected ${frame.type} frame in the handshake` };
}
