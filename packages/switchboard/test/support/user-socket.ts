// A user's client. It keeps every frame, so that a test misses none.
import { once } from "node:events";
import { WebSocket, type ClientOptions } from "ws";
import { eventually } from "@shardcast/faults";

/** Any frame that the switchboard sends. */
export type Frame = Readonly<Record<string, unknown>>;

export interface OpenOptions extends ClientOptions {
  readonly session?: string | undefined;
  readonly position?: string | undefined;
  readonly path?: string;
}

export class UserSocket {
  readonly frames: Frame[] = [];
  readonly webSocket: WebSocket;
  closeCode: number | undefined;

  private constructor(webSocket: WebSocket) {
    this.webSocket = webSocket;
    webSocket.on("error", () => undefined);
    webSocket.on("message", (data: Buffer) => {
      this.frames.push(JSON.parse(data.toString()) as Frame);
    });
    webSocket.on("close", (code) => (this.closeCode = code));
  }

  /** Resolves when the client has its session. */
  static async open(url: string, options: OpenOptions = {}): Promise<UserSocket> {
    const socket = UserSocket.dial(url, options);
    await eventually("the session is told", () => {
      if (socket.closeCode !== undefined) throw new Error(`closed by ${socket.closeCode}`);
      return socket.frames.length > 0;
    });
    return socket;
  }

  /** Opens the socket without waiting for anything. */
  static dial(url: string, { session, position, path = "/", ...options }: OpenOptions): UserSocket {
    const address = new URL(path, url.replace(/^http/, "ws"));
    if (session !== undefined) address.searchParams.set("session", session);
    if (position !== undefined) address.searchParams.set("position", position);
    return new UserSocket(new WebSocket(address, options));
  }

  get session(): string {
    return String(this.frames.find(({ type }) => type === "session")?.["session"]);
  }

  get isResumed(): boolean {
    return this.frames[0]?.["resumed"] === true;
  }

  /** The position of the last frame that has one. */
  get position(): string {
    return String(this.frames.findLast((frame) => "position" in frame)?.["position"]);
  }

  /** The messages of the back end. */
  get messages(): Frame[] {
    return this.frames.filter((frame) => "to" in frame);
  }

  get bodies(): unknown[] {
    return this.messages.map(({ body }) => body);
  }

  send(frame: unknown): void {
    this.webSocket.send(typeof frame === "string" ? frame : JSON.stringify(frame));
  }

  async has(what: string, isWanted: (frame: Frame) => boolean): Promise<Frame> {
    return eventually(what, () => this.frames.find(isWanted));
  }

  async gets(count: number): Promise<this> {
    await eventually(`${count} messages`, () => this.messages.length >= count);
    return this;
  }

  async close(): Promise<void> {
    if (this.webSocket.readyState === WebSocket.CLOSED) return;
    const closed = once(this.webSocket, "close");
    this.webSocket.close();
    await closed;
  }

  /** Disconnects without a close frame, like a phone without network. */
  drop(): void {
    this.webSocket.terminate();
  }

  /** Waits until the switchboard has closed the socket. */
  async closed(): Promise<number> {
    return eventually("the socket is closed", () => this.closeCode);
  }
}
