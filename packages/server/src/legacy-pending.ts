// A socket of the original protocol between its upgrade and the client's proof, within the same limits
// of time and bytes as any other handshake.
import type { Socket } from "node:net";
import {
  HANDSHAKE_MAX_BYTES,
  LegacyHandshake,
  decodeLegacyFrame,
  encodeLegacyFrame,
  type ErrorCode,
  type LegacyKeys,
  type LegacyStep,
} from "@shardcast/protocol";
import { createNonce } from "@shardcast/protocol/proof";
import { legacyCloseCodeOf } from "./legacy-link.ts";
import type { NodeSocket, SocketOwner } from "./node-socket.ts";
import type { Pending, Sweep } from "./sweep.ts";

export interface LegacyPendingOptions {
  readonly keys: LegacyKeys;
  /** The node's challenge. */
  readonly once: number;
  readonly sweep: Sweep;
  readonly handshakeTimeoutMs: number;
  readonly counters: { handshakes: number; handshakeFailures: number };
  /** The client has proved itself; the socket has no owner any more. */
  readonly opened: (handshake: LegacyHandshake) => void;
}

export class LegacyPending implements SocketOwner, Pending {
  readonly deadline: number;
  readonly #socket: NodeSocket;
  readonly #tcp: Socket;
  readonly #options: LegacyPendingOptions;
  readonly #handshake: LegacyHandshake;
  #bytesLeft = HANDSHAKE_MAX_BYTES;

  constructor(socket: NodeSocket, tcp: Socket, options: LegacyPendingOptions) {
    this.#socket = socket;
    this.#tcp = tcp;
    this.#options = options;
    this.#handshake = new LegacyHandshake(options.keys, options.once);
    this.deadline = options.sweep.now() + options.handshakeTimeoutMs;
  }

  start(): void {
    this.#socket.owner = this;
    // Ahead of ws's own listener: what is over the limit must not be gathered in its receiver.
    this.#tcp.prependListener("data", this.#count);
    this.#options.sweep.addPending(this);
    this.#socket.send(encodeLegacyFrame(this.#handshake.challenge));
  }

  received(data: Buffer, isBinary: boolean): void {
    const step = isBinary ? "refuse" : this.#step(data);
    switch (step) {
      case "wait":
        return;
      case "open":
        this.#leave();
        this.#options.counters.handshakes += 1;
        this.#options.opened(this.#handshake);
        return;
      case "wrong-answer":
        // A client of the original tells a wrong key from a lost connection by an answer that does not match.
        this.#socket.send(encodeLegacyFrame({ type: "answer", answer: decoy() }));
        this.#fail("SHARDCAST_HANDSHAKE_FAILED");
        return;
      case "refuse":
        this.#fail("SHARDCAST_HANDSHAKE_FAILED");
        return;
    }
  }

  expire(): void {
    this.#fail("SHARDCAST_HANDSHAKE_TIMEOUT");
  }

  closed(): void {
    this.#leave();
  }

  #step(data: Buffer): LegacyStep {
    try {
      return this.#handshake.receive(decodeLegacyFrame(data.toString("utf8")));
    } catch {
      return "refuse";
    }
  }

  readonly #count = (chunk: Buffer): void => {
    this.#bytesLeft -= chunk.length;
    if (this.#bytesLeft >= 0) return;
    this.#fail("SHARDCAST_FRAME_TOO_LARGE");
    // ws would gather the rest of the message; the peer gets the close, and 2 s to take it.
    this.#socket.pause();
  };

  #fail(code: ErrorCode): void {
    if (this.#socket.owner !== this) return;
    this.#leave();
    this.#options.counters.handshakeFailures += 1;
    this.#socket.close(legacyCloseCodeOf(code), code);
  }

  /** Lets go of the socket: from here on it belongs to the link, or to nobody. */
  #leave(): void {
    this.#options.sweep.deletePending(this);
    this.#tcp.removeListener("data", this.#count);
    this.#socket.owner = undefined;
  }
}

/** Looks like an answer and says nothing about the key. */
function decoy(): string {
  return Buffer.from(createNonce()).toString("base64");
}
