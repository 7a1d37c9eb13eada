// A WebSocket that offers a Shardcast subprotocol and then does what a test says: for failed
// handshakes and frames that no SDK would send. Received frames are queued, so that none is missed.
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import {
  ClientHandshake,
  SUBPROTOCOLS,
  decodeFrames,
  decodeJsonFrames,
  encodeFrame,
  encodeJsonFrame,
  type Endpoint,
  type Frame,
  type HandshakeKeys,
  type ProofFrame,
  type Subprotocol,
} from "@shardcast/protocol";
import { PskKeys } from "@shardcast/protocol/proof";
import WebSocket from "ws";
import { eventually } from "@shardcast/faults";

export interface V1Options {
  readonly endpoint: Endpoint;
  readonly subprotocol?: Subprotocol;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export class V1Socket {
  readonly socket: WebSocket;
  readonly frames: Frame[] = [];
  readonly #endpoint: Endpoint;
  readonly #subprotocol: Subprotocol;
  #closed: { readonly code: number; readonly reason: string } | undefined;

  private constructor(url: string, options: V1Options) {
    const {
      endpoint,
      subprotocol = SUBPROTOCOLS.binary,
      path = `/${endpoint}`,
      headers = {},
    } = options;
    this.#endpoint = endpoint;
    this.#subprotocol = subprotocol;
    this.socket = new WebSocket(url + path, subprotocol, { headers });
    this.socket.on("message", (data: Buffer, isBinary) => {
      const frames = isBinary ? decodeFrames(data) : decodeJsonFrames(data.toString("utf8"));
      this.frames.push(...frames);
    });
    this.socket.on("close", (code, reason) => {
      this.#closed = { code, reason: reason.toString("utf8") };
    });
    this.socket.on("error", () => {
      // The close event follows.
    });
  }

  /** Resolves when the challenge has arrived; sends nothing. */
  static async open(url: string, options: V1Options): Promise<V1Socket> {
    const socket = await V1Socket.dial(url, options);
    await socket.first("challenge");
    return socket;
  }

  /** Resolves when the upgrade is complete. */
  static async dial(url: string, options: V1Options): Promise<V1Socket> {
    const socket = new V1Socket(url, options);
    await once(socket.socket, "open");
    return socket;
  }

  /** Resolves when the node has sent its welcome. */
  static async openWith(url: string, psk: string, options: V1Options): Promise<V1Socket> {
    const socket = await V1Socket.open(url, options);
    socket.send(await socket.proof(psk));
    await socket.first("welcome");
    return socket;
  }

  /** The valid proof for a key; a test may ask for another endpoint, subprotocol or nonce. */
  async proof(
    psk: string,
    other: { endpoint?: Endpoint; subprotocol?: Subprotocol; nonce?: Uint8Array } = {},
  ): Promise<ProofFrame> {
    const context = { endpoint: this.#endpoint, subprotocol: this.#subprotocol, ...other };
    const keys: HandshakeKeys = new PskKeys(psk);
    const handshake = new ClientHandshake(
      { type: "keys", keys },
      context,
      other.nonce ?? randomBytes(32),
    );
    const step = handshake.receive(await this.first("challenge"));
    if (step.type !== "send" || step.frame.type !== "proof") throw new Error("no proof");
    return step.frame;
  }

  send(...frames: readonly Frame[]): void {
    if (this.#subprotocol === SUBPROTOCOLS.json) {
      this.socket.send(frames.map(encodeJsonFrame).join("\n"));
    } else {
      this.socket.send(Buffer.concat(frames.map(encodeFrame)));
    }
  }

  /** Sends any data; a string becomes a text message. */
  sendRaw(data: Uint8Array | string): void {
    this.socket.send(data);
  }

  first<Type extends Frame["type"]>(type: Type): Promise<Extract<Frame, { type: Type }>> {
    const isOfType = (frame: Frame): frame is Extract<Frame, { type: Type }> => frame.type === type;
    return eventually(`a ${type} frame`, () => this.frames.find(isOfType));
  }

  /** The node's close code and reason, as `<code> <reason>`. */
  async closed(): Promise<string> {
    const { code, reason } = await eventually("the close", () => this.#closed);
    return `${code} ${reason}`;
  }

  get isOpen(): boolean {
    return this.#closed === undefined;
  }

  end(): void {
    this.socket.terminate();
  }
}
