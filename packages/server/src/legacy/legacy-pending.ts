// A socket of the original protocol between its upgrade and the client's proof, with the same
// limits of time and bytes as other handshakes.
import type { Socket } from "node:net";
import {
  LegacyHandshake,
  decodeLegacyFrame,
  encodeLegacyFrame,
  type CloseReason,
  type LegacyKeys,
  type LegacyStep,
} from "@shardcast/protocol";
import { createNonce } from "@shardcast/protocol/proof";
import { legacyCloseCodeOf } from "./legacy-link.ts";
import type { NodeSocket } from "../link/node-socket.ts";
import { PendingSocket, type PendingOptions } from "../link/pending-socket.ts";

export interface LegacyPendingOptions extends PendingOptions {
  readonly keys: LegacyKeys;
  /** The node's challenge. */
  readonly once: number;
  /** Called when the client has proved itself. The socket has no owner then. */
  readonly onOpen: (handshake: LegacyHandshake) => void;
}

export class LegacyPending extends PendingSocket {
  readonly #socket: NodeSocket;
  readonly #options: LegacyPendingOptions;
  readonly #handshake: LegacyHandshake;

  constructor(socket: NodeSocket, tcp: Socket, options: LegacyPendingOptions) {
    super(socket, tcp, options);
    this.#socket = socket;
    this.#options = options;
    this.#handshake = new LegacyHandshake(options.keys, options.once);
  }

  start(): void {
    this.begin(encodeLegacyFrame(this.#handshake.challenge));
  }

  received(data: Buffer, isBinary: boolean): void {
    const step = isBinary ? "refuse" : this.#step(data);
    switch (step) {
      case "wait":
        return;
      case "open":
        this.succeed();
        this.#options.onOpen(this.#handshake);
        return;
      case "wrong-answer":
        // Send an answer that does not match: by that, a client of the original queue distinguishes
        // a wrong key from a lost connection.
        this.#socket.send(encodeLegacyFrame({ type: "answer", answer: decoy() }));
        this.fail("SHARDCAST_HANDSHAKE_FAILED");
        return;
      case "refuse":
        this.fail("SHARDCAST_HANDSHAKE_FAILED");
        return;
    }
  }

  protected closeCodeOf(reason: CloseReason): number {
    return legacyCloseCodeOf(reason);
  }

  #step(data: Buffer): LegacyStep {
    try {
      return this.#handshake.receive(decodeLegacyFrame(data.toString("utf8")));
    } catch {
      return "refuse";
    }
  }
}

/** A random answer, which reveals nothing about the key. */
function decoy(): string {
  return Buffer.from(createNonce()).toString("base64");
}
