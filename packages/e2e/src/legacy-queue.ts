// A client with the original queue's behaviour: the same events, in the same order, from the same
// frames. Like the original, it answers every challenge; the node must not rely on more.
import { createHash } from "node:crypto";
import { EventEmitter, once } from "node:events";
import WebSocket from "ws";
import { eventually } from "@shardcast/faults";

export interface LegacyMessage {
  readonly message: string;
  readonly topic: string;
}

interface Packet {
  readonly t: string;
  readonly o?: number;
  readonly a?: string;
  readonly d?: string;
  readonly s?: string;
}

export interface LegacyQueueOptions {
  readonly psk: string;
  /** @default a random number of 31 bits, as in the original */
  readonly challenge?: number;
}

/**
 * Emits `open` when the peer has proved that it has the key, `message`, `close`, and `error` if the
 * keys differ.
 */
export class LegacyQueue extends EventEmitter {
  readonly socket: WebSocket;
  readonly events: string[] = [];
  readonly messages: LegacyMessage[] = [];
  #isSecure = false;

  /** @param socket an open socket */
  constructor(socket: WebSocket, { psk, challenge }: LegacyQueueOptions) {
    super();
    this.socket = socket;
    const own = challenge ?? Math.trunc(Math.random() * 2_147_483_647);
    const expected = answerOf(psk, own);
    socket.send(JSON.stringify({ t: "h", o: own }));
    socket.on("message", (data: Buffer) => {
      this.#received(JSON.parse(data.toString("utf8")) as Packet, psk, expected);
    });
    socket.on("close", () => {
      this.#tell("close");
    });
  }

  get opened(): boolean {
    return this.socket.readyState === WebSocket.OPEN;
  }

  get secure(): boolean {
    return this.#isSecure;
  }

  send(packet: Packet): void {
    if (!this.#isSecure) throw new Error("data before the hello is finished");
    this.socket.send(JSON.stringify(packet));
  }

  publish(topic: string, message: string): void {
    this.send({ t: "m", d: message, s: topic });
  }

  close(): void {
    this.socket.close();
  }

  /**
   * Resolves with the name of one of these events when it has been emitted, also if that was before
   * the call.
   */
  first(...events: readonly string[]): Promise<string> {
    return eventually(events.join(" or "), () => this.events.find((name) => events.includes(name)));
  }

  /** Resolves with the first `count` messages. */
  async take(count: number): Promise<string[]> {
    await eventually(`${count} messages`, () => this.messages.length >= count);
    return this.messages.slice(0, count).map(({ message }) => message);
  }

  #received(packet: Packet, psk: string, expected: string): void {
    if (packet.t === "h" && packet.a) {
      if (packet.a === expected) {
        this.#isSecure = true;
        this.#tell("open");
      } else {
        this.socket.close();
        this.#tell("error");
      }
    } else if (packet.t === "h" && packet.o) {
      this.socket.send(JSON.stringify({ t: "h", a: answerOf(psk, packet.o) }));
    } else if (!this.#isSecure) this.#tell("close");
    else if (packet.t === "m") {
      const received = { message: packet.d ?? "", topic: packet.s ?? "" };
      this.messages.push(received);
      this.emit("message", received);
    }
  }

  #tell(event: string): void {
    this.events.push(event);
    // EventEmitter throws an error that has no listener.
    if (event !== "error" || this.listenerCount("error") > 0) this.emit(event);
  }
}

/**
 * Connects as the original does: it creates the queue in the socket's `open` event, not earlier.
 */
export function dialLegacy(url: string, options: LegacyQueueOptions): Promise<LegacyQueue> {
  const socket = new WebSocket(url);
  return new Promise((resolve, reject) => {
    socket.on("open", () => {
      resolve(new LegacyQueue(socket, options));
    });
    socket.on("error", reject);
  });
}

/** Connects, and waits for the node's proof. */
export async function openLegacy(url: string, psk: string): Promise<LegacyQueue> {
  const queue = await dialLegacy(url, { psk });
  const event = await queue.first("open", "error", "close");
  if (event !== "open") throw new Error(`${url}: ${event}`);
  return queue;
}

export async function closeLegacy(...queues: readonly LegacyQueue[]): Promise<void> {
  await Promise.all(
    queues.map(async ({ socket }) => {
      if (socket.readyState === WebSocket.CLOSED) return;
      socket.close();
      await once(socket, "close");
    }),
  );
}

/**
 * `base64(SHA-256(psk ‖ hex(once)))`, as in the original; implemented independently of the
 * product's code.
 */
export function answerOf(psk: string, challenge: number): string {
  return createHash("sha256")
    .update(psk + challenge.toString(16))
    .digest("base64");
}

/**
 * The original's hash of a topic: Java's String.hashCode, over UTF-16 units. The hash modulo the
 * number of consumers selects a consumer.
 */
export function originalHash(topic: string): number {
  let hash = 0;
  for (let at = 0; at < topic.length; at += 1) hash = (31 * hash + topic.charCodeAt(at)) | 0;
  return Math.abs(hash);
}
