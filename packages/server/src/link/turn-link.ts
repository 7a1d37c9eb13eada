// The base of every link, for any protocol: its place in the sweep, one write per turn, and the
// state of its two directions: congested (the peer does not accept what is sent) and paused (the
// node does not read what the peer sends).
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

/** Shared by all links that have nothing queued, which is nearly always most of them. */
const NO_CHUNKS: Buffer[] = [];
const NOTHING = Buffer.alloc(0);

/** The parts that all links of a node share. */
export interface LinkContext {
  readonly turn: Turn;
  /** The node's time of day, in ms since 1970. */
  readonly now: () => number;
  /**
   * A link with more unsent bytes than this is congested: the node neither reads from it nor pushes
   * to it.
   */
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
  /** The bytes that this link counts among the unfinished messages. */
  #gatheredBytes = 0;
  /** Bytes queued since the last ping. */
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

  /** Whether more unsent bytes than the high-water mark wait. */
  get isCongested(): boolean {
    return this.#isCongested;
  }

  get progress(): number {
    const tcp = this.#tcp;
    return this.#isCongested ? bytesReceived(tcp) + bytesTaken(tcp) : bytesReceived(tcp);
  }

  /** Called with each WebSocket message. */
  abstract received(data: Buffer, isBinary: boolean): void;
  abstract beat(heartbeat: SharedFrames): void;
  abstract drain(withinMs: number): void;

  abstract regroup(withinMs: number): void;
  abstract close(reason: CloseReason): void;
  /** Queues the message that is being assembled. */
  protected abstract seal(): void;
  /** Called when a link that was congested has handed all its bytes to the kernel. */
  protected abstract writable(): void;
  /** Called when the socket is closed. */
  protected abstract ended(): void;

  /** Takes over the socket after the handshake. */
  protected attach(): void {
    this.#socket.owner = this;
    watchGathering(this.#socket, this.#tcp);
    this.context.sweep.addLink(this);
    this.context.events.connected(this);
  }

  /** Stops reading from the peer until `resumeReading` was called as often as this method. */
  pauseReading(): void {
    this.#pauseCount += 1;
    if (this.#pauseCount === 1) this.#socket.pause();
  }

  resumeReading(): void {
    this.#pauseCount -= 1;
    if (this.#pauseCount === 0) this.#socket.resume();
  }

  /**
   * Counts the bytes of an unfinished message. Closes the link if the node has no room for them.
   */
  gathering(bytes: number): void {
    if (!this.context.unfinished.change(this.access, this.#gatheredBytes, bytes)) {
      this.close("SHARDCAST_NODE_FULL");
      // ws would gather the rest of the message. The peer gets the close frame, and 2 s to answer
      // it.
      this.#socket.pause();
      return;
    }
    this.#gatheredBytes = bytes;
  }

  /** Cuts the connection without a close frame, for a peer that does not answer. */
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

  /**
   * Writes everything that this turn queued. That is nearly always one chunk, and then one system
   * call.
   */
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
      // On a slow line, many small messages take as long as one large one, so send a ping between
      // them too.
      this.#unpingedBytes = 0;
      this.#chunks.push(PING);
    }
    this.defer();
  }

  /** Schedules a call of `endTurn` at the end of this turn. */
  protected defer(): void {
    if (this.#isDeferred || !this.#isOpen) return;
    this.#isDeferred = true;
    this.context.turn.deferWrite(this);
  }

  /** Sends the queued frames, then the close frame. */
  protected closeWith(closeCode: number, reason: string): void {
    if (!this.#isOpen) return;
    this.endTurn();
    this.#isOpen = false;
    this.#socket.close(closeCode, reason);
  }

  #congest(): void {
    this.#isCongested = true;
    this.pauseReading();
    // The callback runs when everything written before has been sent. A "drain" event would not
    // come if the high-water mark is below the socket's own.
    this.#tcp.write(NOTHING, (error) => {
      // The close event follows.
      if (error) return;
      this.#isCongested = false;
      this.resumeReading();
      if (this.#isOpen) this.writable();
    });
  }
}
