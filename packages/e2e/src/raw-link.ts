// A WebSocket that sends exactly what a test says, and records what it receives: for attacks.
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import WebSocket from "ws";
import { eventually } from "@shardcast/faults";
import { answerOf } from "./legacy-queue.ts";

export interface Closed {
  readonly code: number;
  readonly reason: string;
}

interface Hello {
  readonly t: string;
  readonly o?: number;
  readonly a?: string;
}

export class RawLink {
  readonly socket: WebSocket;
  readonly texts: string[] = [];
  #closed: Closed | undefined;

  private constructor(url: string) {
    this.socket = new WebSocket(url);
    this.socket.on("message", (data: Buffer) => this.texts.push(data.toString("utf8")));
    this.socket.on("close", (code, reason) => {
      this.#closed = { code, reason: reason.toString("utf8") };
    });
    this.socket.on("error", () => {
      // The close event follows.
    });
  }

  static async open(url: string): Promise<RawLink> {
    const link = new RawLink(url);
    await once(link.socket, "open");
    return link;
  }

  /** Opens a link, and proves to the node that it has the key. */
  static async openWith(url: string, psk: string): Promise<RawLink> {
    const link = await RawLink.open(url);
    link.send({ t: "h", a: answerOf(psk, await link.challenge()) });
    return link;
  }

  /** The number in the node's challenge. */
  challenge(): Promise<number> {
    return eventually("a challenge", () => this.#hellos().find(({ o }) => o !== undefined)?.o);
  }

  /** All answers from the node so far. */
  get answers(): string[] {
    return this.#hellos().flatMap(({ a }) => (a === undefined ? [] : [a]));
  }

  send(frame: unknown): void {
    this.sendText(JSON.stringify(frame));
  }

  sendText(text: string): void {
    this.socket.send(text);
  }

  /** The code and reason with which the node closed the link. */
  closed(): Promise<Closed> {
    return eventually("a close", () => this.#closed);
  }

  #hellos(): Hello[] {
    return this.texts.map((text) => JSON.parse(text) as Hello).filter(({ t }) => t === "h");
  }
}

/**
 * Performs the upgrade by hand, so that tests can write invalid WebSocket frames. Returns the
 * socket after the HTTP response.
 */
export async function upgradeByHand(url: string, path: string): Promise<Socket> {
  const { hostname, port, host } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on("error", () => {
    // The node may also reset the connection.
  });
  socket.write(
    `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEA==\r\n\r\n",
  );
  const [head] = (await once(socket, "data")) as [Buffer];
  if (!head.toString("latin1").startsWith("HTTP/1.1 101 ")) throw new Error(head.toString("utf8"));
  return socket;
}
