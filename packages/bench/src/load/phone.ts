// A phone: one link that follows a topic and occasionally sends a byte. When its node dies, it
// reconnects and resumes where it left off.
import { encodeFrame, readMessageOffset, type Frame, type Position } from "@shardcast/protocol";
import { PskKeys } from "@shardcast/protocol/proof";
import { BENCH_PSK } from "../peers/shardcast-nodes.ts";
import type { LocalEnd } from "./local-end.ts";
import { ShardcastSocket, type ShardcastSocketOptions } from "./shardcast-socket.ts";

const PUBLISH_TIMEOUT_MS = 30_000;
const KEYS = new PskKeys(BENCH_PSK);
const BYTE = Uint8Array.of(0x2a);

export interface PhoneOwner {
  readonly topic: string;
  readonly reconnectMs: number;
  /** Called when a byte is acked, `ms` after it was sent. */
  acked(ms: number): void;
  failed(error: Error): void;
}

export class Phone implements ShardcastSocketOptions {
  readonly port: number;
  readonly keys = KEYS;
  readonly endpoint = "connect" as const;
  readonly local: LocalEnd;
  /** Messages of the topic received so far. */
  count = 0;
  isSubscribed = false;
  readonly #owner: PhoneOwner;
  #socket: ShardcastSocket | undefined;
  #position: Position | undefined;
  #sentAt = 0;
  #seq = 0;

  constructor(owner: PhoneOwner, port: number, local: LocalEnd) {
    this.#owner = owner;
    this.port = port;
    this.local = local;
  }

  /** Whether it waits for no ack. */
  get isIdle(): boolean {
    return this.isSubscribed && this.#sentAt === 0;
  }

  async connect(): Promise<void> {
    this.#socket = await ShardcastSocket.open(this);
    const { topic } = this.#owner;
    const position = this.#position;
    const from =
      position === undefined ? { type: "live" as const } : { type: "position" as const, position };
    this.#socket.send(encodeFrame({ type: "subscribe", sub: 0, topic, from }));
  }

  sendByte(topic: string): void {
    this.#seq += 1;
    this.#sentAt = performance.now();
    const frame = { type: "publish", seq: this.#seq, timeoutMs: PUBLISH_TIMEOUT_MS } as const;
    this.#socket?.send(encodeFrame({ ...frame, topic, payload: BYTE }));
  }

  /** Called by its socket. */
  message(bytes: Buffer, start: number): void {
    const { epoch = "" } = this.#position ?? {};
    this.#position = { epoch, offset: readMessageOffset(bytes, start) };
    this.count += 1;
  }

  /** Called by its socket. */
  other(frame: Frame): void {
    switch (frame.type) {
      case "subscribed":
        this.#position ??= frame.position;
        this.isSubscribed = true;
        return;
      case "ack":
        this.#owner.acked(performance.now() - this.#sentAt);
        this.#sentAt = 0;
        return;
      default:
        // Such as a gap or a reject, which must not occur.
        this.#owner.failed(new Error(`a phone got ${frame.type}`));
    }
  }

  /** Called by its socket. */
  closed(): void {
    // While it is opening, the rejected promise reports the failure.
    if (this.#socket === undefined) return;
    this.isSubscribed = false;
    this.#sentAt = 0;
    this.#socket = undefined;
    this.#comeBackLater();
  }

  #comeBack(): void {
    this.connect().catch(() => this.#comeBackLater());
  }

  #comeBackLater(): void {
    setTimeout(() => this.#comeBack(), Math.random() * this.#owner.reconnectMs);
  }
}
