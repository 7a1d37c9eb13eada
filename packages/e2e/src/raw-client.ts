// A minimal shardcast.v1 client, for tests that check a node from the outside.
import {
  ClientHandshake,
  decodeFrames,
  encodeFrame,
  type Endpoint,
  type Frame,
  type MessageFrame,
} from "@shardcast/protocol";
import { PskKeys, createNonce } from "@shardcast/protocol/proof";
import WebSocket from "ws";
import { eventually } from "@shardcast/faults";

export interface RawClientOptions {
  readonly psk: string;
  /** The endpoint in the proof; the path selects the endpoint to connect to. */
  readonly endpoint: Endpoint;
  readonly path: string;
}

export class RawClient {
  readonly socket: WebSocket;
  readonly frames: Frame[] = [];
  readonly #handshake: ClientHandshake;
  #isOpen = false;
  #closed: string | undefined;

  private constructor(url: string, { psk, endpoint, path }: RawClientOptions) {
    const subprotocol = "shardcast.v1";
    this.#handshake = new ClientHandshake(
      { type: "keys", keys: new PskKeys(psk) },
      { endpoint, subprotocol },
      createNonce(),
    );
    this.socket = new WebSocket(url + path, subprotocol);
    this.socket.on("message", (data: Buffer) => {
      for (const frame of decodeFrames(data)) this.#received(frame);
    });
    this.socket.on("close", (_code, reason) => {
      this.#closed = reason.toString("utf8");
    });
    this.socket.on("error", (error) => {
      this.#closed ??= error.message;
    });
  }

  /** Rejects with the node's close reason if the node refuses the link. */
  static async open(url: string, options: RawClientOptions): Promise<RawClient> {
    const client = new RawClient(url, options);
    await eventually("a welcome", () => {
      if (client.#closed !== undefined) throw new Error(client.#closed);
      return client.#isOpen;
    });
    return client;
  }

  send(frame: Frame): void {
    this.socket.send(encodeFrame(frame));
  }

  /** Sends the frames in one WebSocket message. */
  sendAll(frames: readonly Frame[]): void {
    this.socket.send(Buffer.concat(frames.map(encodeFrame)));
  }

  /** Resolves with the first frame of a type. */
  first<Type extends Frame["type"]>(type: Type): Promise<Extract<Frame, { type: Type }>> {
    const isOfType = (frame: Frame): frame is Extract<Frame, { type: Type }> => frame.type === type;
    return eventually(`a ${type} frame`, () => this.frames.find(isOfType));
  }

  /** Resolves with the node's close reason when the link has ended. */
  async closed(): Promise<string> {
    return eventually("the end of the link", () => this.#closed);
  }

  /** Resolves with the payloads of the first `count` messages, as text. */
  async take(count: number): Promise<string[]> {
    const isMessage = (frame: Frame): frame is MessageFrame => frame.type === "message";
    await eventually(`${count} messages`, () => this.frames.filter(isMessage).length >= count);
    return this.frames
      .filter(isMessage)
      .slice(0, count)
      .map(({ payload }) => Buffer.from(payload).toString("utf8"));
  }

  #received(frame: Frame): void {
    if (this.#isOpen) {
      this.frames.push(frame);
      if (frame.type === "heartbeat") this.send(frame);
      return;
    }
    const step = this.#handshake.receive(frame);
    if (step.type === "send") this.send(step.frame);
    this.#isOpen = step.type === "open";
  }
}
