// One authenticated WebSocket that a node accepted: typed frames in, frames out, one write per
// turn. It writes whole WebSocket frames to the TCP socket itself; `ws` reads, and writes the close
// frame.
import type { Socket } from "node:net";
import {
  ERRORS,
  ACK_BYTES,
  FRAME_TYPES,
  SKIPPABLE_FROM,
  ShardcastError,
  binaryToJson,
  closeCodeOf,
  decodeFrame,
  encodeFrame,
  isCloseReason,
  isForTokens,
  isFrameAllowed,
  writeAck,
  writeAckSeq,
  type AckFields,
  type CloseReason,
  type Endpoint,
  type ErrorCode,
  type Frame,
} from "@shardcast/protocol";
import type { Gate } from "../access/gate.ts";
import type { AccessHolder, LinkAccess } from "../access/link-access.ts";
import { TokenBucket } from "@shardcast/process";
import { tokenFault } from "../access/token-fault.ts";
import { closeText } from "../turn/close-text.ts";
import { explained } from "./explained.ts";
import { FrameBacklog, TURN_UNITS, readFrames, unitsOf } from "./frame-backlog.ts";
import type { LinkHandler, LinkTarget } from "./link-handler.ts";
import type { NodeSocket } from "./node-socket.ts";
import type { Pausable } from "../publish/paused-sources.ts";
import type { PublishOrigin, Refusal } from "../publish/publish-target.ts";
import { RefusedTopics } from "../publish/refused-topics.ts";
import { SharedFrames } from "@shardcast/protocol/websocket";
import { TurnLink, type LinkContext } from "./turn-link.ts";
import {
  OPCODE_BINARY,
  WEBSOCKET_HEADER_BYTES,
  frameMessage,
  frameText,
} from "@shardcast/protocol/websocket";

const OUT_START_BYTES = 512;
/** Messages over this size are announced by a frame of type large. */
const LARGE_BYTES = 64 * 1024;
/** How many renewal tokens of one link are checked per second. */
const TOKENS_PER_SECOND = 5;

const KNOWN_TYPES: ReadonlySet<number> = new Set(Object.values(FRAME_TYPES));
const EMPTY = Buffer.alloc(0);

export interface LinkOptions {
  readonly id: string;
  readonly endpoint: Endpoint;
  readonly isJson: boolean;
  readonly handler: LinkHandler;
  readonly context: LinkContext;
  /** The client's address, as seen behind the proxies. */
  readonly address: string;
  /** Undefined if the client has proved that it knows the pre-shared key. */
  readonly access: LinkAccess | undefined;
  readonly gate: Gate;
}

export class Link extends TurnLink implements PublishOrigin, AccessHolder {
  readonly id: string;
  readonly address: string;
  readonly access: LinkAccess | undefined;
  readonly isJson: boolean;
  /** How many publishes of this link have no answer yet. */
  inFlightCount = 0;
  refusedTopics: RefusedTopics | undefined;
  /** How many heartbeats were sent, and how many of them the client has answered. */
  #beats = 0;
  #answeredBeats = 0;
  /** The last turn in which a message arrived, and the units that this turn has left. */
  #turn = -1;
  #units = 0;
  #backlog: FrameBacklog | undefined;
  /** This turn's refusals must be followed by a heartbeat. */
  #isBeatDue = false;
  #isPongSent = false;
  /** Frames of this turn. Valid between `reserve` and the end of the caller's writing. */
  out = EMPTY;
  readonly #handler: LinkHandler;
  readonly #gate: Gate;
  /** A token that the client sent over the link is being checked. */
  #isRenewing = false;
  /** Limits tokens: checking one costs the node more than sending it costs the client. */
  #tokens: TokenBucket | undefined;
  #outEnd = 0;

  constructor(socket: NodeSocket, tcp: Socket, options: LinkOptions) {
    super(socket, tcp, options.endpoint, options.context);
    this.id = options.id;
    this.isJson = options.isJson;
    this.address = options.address;
    this.access = options.access;
    this.#handler = options.handler;
    this.#gate = options.gate;
  }

  /** Takes over the socket after the handshake, and sends the welcome as the first frame. */
  open(welcome: Frame, target: LinkTarget): void {
    this.attach();
    this.send(welcome);
    if (this.access !== undefined) {
      this.#gate.watch(this.access, this);
      this.#sendAuthorized(this.access);
    }
    try {
      this.#handler.opened(this, target);
    } catch (error) {
      this.fail(error);
    }
  }

  expiring(withinMs: number): void {
    this.send({ type: "expiring", withinMs });
  }

  expired(): void {
    this.close("SHARDCAST_TOKEN_EXPIRED");
  }

  get isNode(): boolean {
    return this.endpoint === "producer";
  }

  get source(): Pausable {
    return this;
  }

  received(data: Buffer, isBinary: boolean): void {
    if (!this.isOpen) return;
    if (isBinary === this.isJson) {
      this.fail(new ShardcastError("SHARDCAST_FRAME_MALFORMED"));
      return;
    }
    if (this.#backlog !== undefined) {
      this.#backlog.push(data);
      return;
    }
    const at = this.#read(data, 0);
    if (at < data.length) this.#fallBehind(new FrameBacklog(data, at));
  }

  /** Works off the rest of a message in the next turns. Until then, the link does not read. */
  #fallBehind(backlog: FrameBacklog): void {
    this.#backlog = backlog;
    this.pauseReading();
    const { turn } = this.context;
    const work = {
      endTurn: () => {
        if (!this.isOpen) return;
        if (!backlog.workOff((message, from) => this.#read(message, from))) {
          turn.defer(work);
          return;
        }
        this.#backlog = undefined;
        this.resumeReading();
      },
    };
    turn.defer(work);
  }

  /**
   * Works off the frames of a message, until this turn's units are used up. @returns the index it
   * reached
   */
  #read(message: Buffer, from: number): number {
    const { number } = this.context.turn;
    if (this.#turn !== number) {
      this.#turn = number;
      // No limit for nodes: many clients wait for the messages that a node passes on.
      this.#units = this.isNode ? Infinity : TURN_UNITS;
    }
    if (this.#units <= 0) return from;
    try {
      return readFrames(message, this.isJson, from, (type, bytes, start, end) => {
        this.#dispatch(type, bytes, start, end);
        this.#units -= unitsOf(type);
        return this.#units > 0;
      });
    } catch (error) {
      this.fail(error);
      return message.length;
    }
  }

  /**
   * Queues one frame for the end of this turn. A refusal without a reason gets the message of its
   * code.
   */
  send(frame: Frame): void {
    if (!this.isOpen) return;
    const bytes = encodeFrame(explained(frame));
    const at = this.reserve(bytes.length);
    this.out.set(bytes, at);
  }

  /**
   * Reserves `count` bytes for frames in `out`. The caller must fill them before it does anything
   * else.
   * @returns the index at which they start
   */
  reserve(count: number): number {
    if (this.#outEnd === 0) this.#outEnd = WEBSOCKET_HEADER_BYTES;
    const at = this.#outEnd;
    const end = at + count;
    if (end > this.out.length) this.#grow(end);
    this.#outEnd = end;
    this.defer();
    return at;
  }

  /** Queues frames that other links get as well, without copying them. */
  sendShared(shared: SharedFrames): void {
    if (!this.isOpen) return;
    if (this.endpoint === "relay" && !this.isJson) {
      // The relay verifies the frames by the checksum that was computed when the messages were
      // stored or read.
      this.send({ type: "checksum", bytes: shared.frames.length, crc: shared.crc });
    }
    this.#queueShared(shared);
  }

  beat(heartbeat: SharedFrames): void {
    this.#beats += 1;
    if (this.isOpen) this.#queueShared(heartbeat);
  }

  drain(withinMs: number): void {
    this.send({ type: "drain", withinMs });
  }

  regroup(withinMs: number): void {
    this.send({ type: "regroup", withinMs });
  }

  /** Answers a publish: the message is stored. */
  ack(fields: AckFields): void {
    this.inFlightCount -= 1;
    if (!this.isOpen) return;
    const at = this.reserve(ACK_BYTES);
    writeAck(this.out, at, fields);
  }

  /** Passes on another node's ack of a publish, with the publisher's own seq. */
  passAck(seq: number, bytes: Uint8Array, start: number): void {
    this.inFlightCount -= 1;
    if (!this.isOpen) return;
    const at = this.reserve(ACK_BYTES);
    // Copied by hand: creating a view costs more than copying 23 bytes.
    const { out } = this;
    for (let index = 0; index < ACK_BYTES; index += 1) out[at + index] = bytes[start + index] ?? 0;
    writeAckSeq(out, at, seq);
  }

  /**
   * Answers a publish: the message is not stored. @returns whether the link refuses later publishes
   * of the topic from now on
   */
  refuse({ seq, topic, code, reason }: Refusal): boolean {
    this.inFlightCount -= 1;
    if (!this.isOpen) return false;
    this.send({ type: "reject", seq, code, reason });
    if (!ERRORS[code].retryable) return false;
    const isKnown = this.refusedTopics?.codeOf(topic) !== undefined;
    // A node passes on the messages of many publishers. One refusal does not show it which others
    // follow, so every refusal must be answered before the topic is accepted again. For a client,
    // the first refusal is enough.
    if (isKnown && !this.isNode) return false;
    this.#isBeatDue = true;
    this.refusedTopics ??= new RefusedTopics();
    this.refusedTopics.add(topic, code, this.#beats + 1);
    return !isKnown;
  }

  /** Answers a read with an error. */
  reject(seq: number, code: ErrorCode, reason: string): void {
    if (this.isOpen) this.send({ type: "reject", seq, code, reason });
  }

  /** Closes the link after a fault of the peer, or of the node itself. */
  fail(error: unknown): void {
    if (error instanceof ShardcastError && isCloseReason(error.code)) {
      this.close(error.code);
      return;
    }
    this.close("SHARDCAST_INTERNAL");
    this.context.logger.error({ error, link: this.id }, "a link's handler failed");
  }

  /** @param detail text for people, in addition to the code */
  close(reason: CloseReason, detail = ""): void {
    this.closeWith(closeCodeOf(reason), closeText(reason, detail));
  }

  /** Finishes the message in `out` and queues it after the chunks queued earlier. */
  protected seal(): void {
    if (this.#outEnd === 0) return;
    if (this.#isBeatDue) {
      this.#isBeatDue = false;
      this.#beats += 1;
      this.send({ type: "heartbeat" });
    }
    this.#isPongSent = false;
    const message = this.out.subarray(0, this.#outEnd);
    this.#outEnd = 0;
    // The queued chunk keeps the buffer until the kernel has sent it.
    this.out = EMPTY;
    this.#queueMessage(
      this.isJson
        ? frameText(binaryToJson(message.subarray(WEBSOCKET_HEADER_BYTES)))
        : frameMessage(message, OPCODE_BINARY),
    );
  }

  protected writable(): void {
    this.#handler.writable(this);
  }

  protected ended(): void {
    this.out = EMPTY;
    this.#outEnd = 0;
    this.#backlog = undefined;
    if (this.access !== undefined) this.#gate.leave(this.access);
    this.#handler.closed(this);
  }

  #queueShared(shared: SharedFrames): void {
    this.seal();
    this.#queueMessage(this.isJson ? shared.json : shared.binary);
  }

  #queueMessage(message: Buffer): void {
    if (message.length > LARGE_BYTES && isForTokens(this.endpoint)) {
      // A browser does not see the bytes of an unfinished message.
      const large = SharedFrames.of(encodeFrame({ type: "large", bytes: message.length }));
      this.queue(this.isJson ? large.json : large.binary);
    }
    this.queue(message);
  }

  #dispatch(type: number, bytes: Uint8Array, start: number, end: number): void {
    // A handler may have closed the link in the middle of a message.
    if (!this.isOpen) return;
    if (isFrameAllowed(this.endpoint, type)) {
      if (type === FRAME_TYPES.heartbeat) this.#beatAnswered();
      else if (type === FRAME_TYPES.ping) this.#pong();
      else if (type === FRAME_TYPES.clock) this.#tellTime(decodeFrame(bytes, start, end));
      else if (type === FRAME_TYPES.token) this.#renew(decodeFrame(bytes, start, end));
      else this.#handler.received(this, type, bytes, start, end);
      return;
    }
    if (type >= SKIPPABLE_FROM) return;
    throw new ShardcastError(
      KNOWN_TYPES.has(type) ? "SHARDCAST_FRAME_UNEXPECTED" : "SHARDCAST_FRAME_UNKNOWN",
    );
  }

  /**
   * Sends one pong per turn for any number of pings, and none on a congested link, which has enough
   * to send.
   */
  #pong(): void {
    if (this.#isPongSent || this.isCongested) return;
    this.#isPongSent = true;
    this.send({ type: "pong" });
  }

  /** Answers like pings: once per turn, and not on a congested link. */
  #tellTime(frame: Frame | undefined): void {
    if (this.#isPongSent || this.isCongested || frame?.type !== "clock") return;
    this.#isPongSent = true;
    this.send({ type: "clock", seq: frame.seq, time: this.context.now() });
  }

  /** Renews the client's token. The last token stays valid until the new one is accepted. */
  #renew(frame: Frame | undefined): void {
    const { access } = this;
    if (access === undefined || frame?.type !== "token" || this.#isRenewing) {
      throw new ShardcastError("SHARDCAST_FRAME_UNEXPECTED");
    }
    this.#tokens ??= new TokenBucket(TOKENS_PER_SECOND, performance.now());
    if (!this.#tokens.take(1, performance.now())) {
      throw new ShardcastError("SHARDCAST_FRAME_UNEXPECTED", "tokens come too fast");
    }
    this.#isRenewing = true;
    this.#gate.renew(access, frame.token).then(
      () => {
        this.#isRenewing = false;
        if (!this.isOpen) return;
        this.#sendAuthorized(access);
        this.#handler.permitted?.(this);
      },
      (error: unknown) => {
        const isExpected = error instanceof ShardcastError;
        if (!isExpected) this.context.logger.error({ error }, "a token could not be checked");
        this.close(tokenFault(error), isExpected ? error.message : "");
      },
    );
  }

  #sendAuthorized({ user, leftMs }: LinkAccess): void {
    const expiresInMs = leftMs === Infinity ? 0 : Math.max(1, Math.round(leftMs));
    this.send({ type: "authorized", user, expiresInMs });
  }

  #beatAnswered(): void {
    // Ignore answers in excess of the heartbeats that were sent.
    this.#answeredBeats = Math.min(this.#beats, this.#answeredBeats + 1);
    this.refusedTopics?.answered(this.#answeredBeats);
    if (this.refusedTopics?.isEmpty === true) this.refusedTopics = undefined;
  }

  #grow(needed: number): void {
    const grown = Buffer.allocUnsafe(Math.max(OUT_START_BYTES, needed, 2 * this.out.length));
    grown.set(this.out);
    this.out = grown;
  }
}
