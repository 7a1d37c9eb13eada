// A socket between its upgrade and the end of its handshake, for any protocol. It may send 4 KiB
// and take a few seconds.
import type { Socket } from "node:net";
import { HANDSHAKE_MAX_BYTES, type CloseReason } from "@shardcast/protocol";
import type { NodeSocket, SocketOwner } from "./node-socket.ts";
import { closeText } from "../turn/close-text.ts";
import type { Pending, Sweep } from "./sweep.ts";

export interface PendingOptions {
  readonly sweep: Sweep;
  readonly handshakeTimeoutMs: number;
  readonly counters: { handshakes: number; handshakeFailures: number };
}

export abstract class PendingSocket implements SocketOwner, Pending {
  readonly deadline: number;
  readonly #socket: NodeSocket;
  readonly #tcp: Socket;
  readonly #options: PendingOptions;
  #bytesLeft = HANDSHAKE_MAX_BYTES;

  protected constructor(socket: NodeSocket, tcp: Socket, options: PendingOptions) {
    this.#socket = socket;
    this.#tcp = tcp;
    this.#options = options;
    this.deadline = options.sweep.now() + options.handshakeTimeoutMs;
  }

  abstract received(data: Buffer, isBinary: boolean): void;
  protected abstract closeCodeOf(reason: CloseReason): number;

  /**
   * Begins the handshake. Sends the node's challenge, in the link's codec, unless the client has
   * already sent a token.
   */
  protected begin(challenge: string | Uint8Array | undefined): void {
    this.#socket.owner = this;
    // Runs before ws's own listener, so that ws does not gather bytes over the limit.
    this.#tcp.prependListener("data", this.#count);
    this.#options.sweep.addPending(this);
    if (challenge !== undefined) this.#socket.send(challenge);
  }

  /** Whether the handshake has neither succeeded nor failed. */
  protected get isPending(): boolean {
    return this.#socket.owner === this;
  }

  /** The client has proved itself. The socket has no owner until its link takes it over. */
  protected succeed(): void {
    this.#leave();
    this.#options.counters.handshakes += 1;
  }

  /** @param detail text for people, in addition to the code */
  protected fail(reason: CloseReason, detail = ""): void {
    if (!this.isPending) return;
    this.#leave();
    this.#options.counters.handshakeFailures += 1;
    this.#socket.close(this.closeCodeOf(reason), closeText(reason, detail));
  }

  expire(): void {
    this.fail("SHARDCAST_HANDSHAKE_TIMEOUT");
  }

  closed(): void {
    this.#leave();
  }

  readonly #count = (chunk: Buffer): void => {
    this.#bytesLeft -= chunk.length;
    if (this.#bytesLeft >= 0) return;
    this.fail("SHARDCAST_FRAME_TOO_LARGE");
    // ws would gather the rest of the message. The peer gets the close frame, and 2 s to answer it.
    this.#socket.pause();
  };

  #leave(): void {
    this.#options.sweep.deletePending(this);
    this.#tcp.removeListener("data", this.#count);
    this.#socket.owner = undefined;
  }
}
