// A socket between its upgrade and the end of its handshake, whatever protocol it speaks: 4 KiB and a few
// seconds are all that it gets.
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

  /** Begins with the node's challenge, in the codec of the link, where the client has still to say who it is. */
  protected begin(challenge: string | Uint8Array | undefined): void {
    this.#socket.owner = this;
    // Ahead of ws's own listener: what is over the limit must not be gathered in its receiver.
    this.#tcp.prependListener("data", this.#count);
    this.#options.sweep.addPending(this);
    if (challenge !== undefined) this.#socket.send(challenge);
  }

  /** The handshake is neither done nor given up. */
  protected get isPending(): boolean {
    return this.#socket.owner === this;
  }

  /** The client has proved itself: the socket has no owner until its link takes it over. */
  protected succeed(): void {
    this.#leave();
    this.#options.counters.handshakes += 1;
  }

  /** @param detail for people, beside the code */
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
    // ws would gather the rest of the message; the peer gets the close, and 2 s to take it.
    this.#socket.pause();
  };

  #leave(): void {
    this.#options.sweep.deletePending(this);
    this.#tcp.removeListener("data", this.#count);
    this.#socket.owner = undefined;
  }
}
