// What every link has, whatever protocol it speaks: its place in the sweep, one write a turn, and the
// state of its two directions: congested (the peer does not take what is sent) and paused (the node
// does not read what it sends).
import type { Socket } from "node:net";
import { bytesReceived, bytesTaken } from "@shardcast/process";
import type { CloseReason, Endpoint } from "@shardcast/protocol";
import type { Logger } from "pino";
import type { LinkAccess } from "../access/link-access.ts";
import type { LifecycleEvents } from "../publish/lifecycle-events.ts";
import { watchGathering, type NodeSocket, type SocketOwner } from "./node-socket.ts";
import type { SharedFrames } from "@shardcast/protocol/websocket";
import type { Sweep, SweptLink } from "./sweep.ts";
import type { Turn, TurnWork } from "../turn/turn.ts";
import type { UnfinishedMessages } from "./unfinished-messages.ts";
import { PIECE_BYTES, PING } from "@shardcast/protocol/websocket";

/** Shared by all links that have nothing queued: most of them, most of the time. */
const NO_CHUNKS: Buffer[] = [];
const NOTHING = Buffer.alloc(0);

/** What all links of a node share. */
export interface LinkContext {
  readonly turn: Turn;
  /** Unsent bytes of a link from which on it is congested: it is not read from, and not pushed to. */
  readonly highWaterBytes: number;
  readonly logger: Logger;
  readonly sweep: Sweep;
  readonly events: LifecycleEvents;
  readonly unfinished: UnfinishedMessages;
}

export abstract class TurnLink implements SocketOwner, SweptLink, TurnWork {
  readonly endpoint: Endpoint;
  abstract readonly id: string;
  abstract readonly address: string;
  abstract readonly access: LinkAccess | undefined;
  sweepSlot = 0;
  sweptProgress = -1;
  silentBeats = 0;
  protected readonly context: LinkContext;
  readonly #socket: NodeSocket;
  readonly #tcp: Socket;
  #chunks: Buffer[] = NO_CHUNKS;
  #isDeferred = false;
  #isOpen = true;
  #isCongested = false;
  #pauseCount = 0;
  /** What it counts for among the unfinished messages. */
  #gatheredBytes = 0;
  /** Queued since the last ping. */
  #unpingedBytes = 0;

  protected constructor(socket: NodeSocket, tcp: Socket, endpoint: Endpoint, context: LinkContext) {
    this.endpoint = endpoint;
    this.context = context;
    this.#socket = socket;
    this.#tcp = tcp;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** More than the high-water mark waits to be sent. */
  get isCongested(): boolean {
    return this.#isCongested;
  }

  get progress(): number {
    const tcp = this.#tcp;
    return this.#isCongested ? bytesReceived(tcp) + bytesTaken(tcp) : bytesReceived(tcp);
  }

  /** One WebSocket message came. */
  abstract received(data: Buffer, isBinary: boolean): void;
  abstract beat(heartbeat: SharedFrames): void;
  abstract drain(withinMs: number): void;

  abstract regroup(withinMs: number): void;
  abstract close(reason: CloseReason): void;
  /** Queues what is still being put together. */
  protected abstract seal(): void;
  /** All that was written has left the process, after the link had been congested. */
  protected abstract writable(): void;
  /** The socket is gone. */
  protected abstract ended(): void;

  /** Takes the socket over from the handshake. */
  protected attach(): void {
    this.#socket.owner = this;
    watchGathering(this.#socket, this.#tcp);
    this.context.sweep.addLink(this);
    this.context.events.connected(this);
  }

  /** Stops reading from the peer until as many `resumeReading` have come. */
  pauseReading(): void {
    this.#pauseCount += 1;
    if (this.#pauseCount === 1) this.#socket.pause();
  }

  resumeReading(): void {
    this.#pauseCount -= 1;
    if (this.#pauseCount === 0) this.#socket.resume();
  }

  /** A message of it is long in coming: there is room for so much of those. */
  gathering(bytes: number): void {
    if (!this.context.unfinished.change(this.access, this.#gatheredBytes, bytes)) {
      this.close("SHARDCAST_NODE_FULL");
      // ws would gather the rest; the peer gets the close, and 2 s to take it.
      this.#socket.pause();
      return;
    }
    this.#gatheredBytes = bytes;
  }

  /** Cuts the link without a word, for a peer that does not answer. */
  terminate(): void {
    this.#socket.terminate();
  }

  closed(): void {
    this.#isOpen = false;
    this.#chunks = NO_CHUNKS;
    if (this.#gatheredBytes > 0) this.gathering(0);
    this.context.sweep.deleteLink(this);
    this.context.events.disconnected(this);
    this.ended();
  }

  /** Writes all that this turn queued: with one chunk, as nearly always, one call of the kernel. */
  endTurn(): void {
    this.#isDeferred = false;
    if (!this.#isOpen) return;
    this.seal();
    const chunks = this.#chunks;
    if (chunks === NO_CHUNKS) return;
    this.#chunks = NO_CHUNKS;
    const [first] = chunks;
    if (chunks.length === 1 && first !== undefined) this.#tcp.write(first);
    else {
      this.#tcp.cork();
      for (const chunk of chunks) this.#tcp.write(chunk);
      this.#tcp.uncork();
    }
    if (!this.#isCongested && this.#tcp.writableLength > this.context.highWaterBytes) {
      this.#congest();
    }
  }

  /** Queues whole WebSocket frames for the end of this turn. */
  protected queue(chunk: Buffer): void {
    if (!this.#isOpen) return;
    if (this.#chunks === NO_CHUNKS) this.#chunks = [];
    this.#chunks.push(chunk);
    this.#unpingedBytes += chunk.length;
    if (this.#unpingedBytes > PIECE_BYTES) {
      // On a slow line many small messages are as one large one.
      this.#unpingedBytes = 0;
      this.#chunks.push(PING);
    }
    this.defer();
  }

  /** Sees to it that `endTurn` is called. */
  protected defer(): void {
    if (this.#isDeferred || !this.#isOpen) return;
    this.#isDeferred = true;
    this.context.turn.deferWrite(this);
  }

  /** Sends what is queued, then the close. */
  protected closeWith(closeCode: number, reason: string): void {
    if (!this.#isOpen) return;
    this.endTurn();
    this.#isOpen = false;
    this.#socket.close(closeCode, reason);
  }

  #congest(): void {
    this.#isCongested = true;
    this.pauseReading();
    // Behind all that waits. A "drain" event would not come where the mark is below the socket's own.
    this.#tcp.write(NOTHING, (error) => {
      // The close event follows.
      if (error) return;
      this.#isCongested = false;
      this.resumeReading();
      if (this.#isOpen) this.writable();
    });
  }
}
