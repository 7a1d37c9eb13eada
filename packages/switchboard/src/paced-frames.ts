// Limits the rate of one client's frames. Faster frames are not refused, because clients that ignore errors would lose
// them. Instead the switchboard stops reading the socket, so that the client's sending waits.
import type { RawData, WebSocket } from "ws";
import type { TokenBucket } from "@shardcast/process";

interface WaitingFrame {
  readonly data: RawData;
  readonly isBinary: boolean;
}

export class PacedFrames {
  /** Resolves when the socket is closed and all received frames are processed. */
  readonly ended: Promise<void>;
  readonly #socket: WebSocket;
  readonly #bucket: TokenBucket;
  readonly #take: (data: RawData, isBinary: boolean) => void;
  /** Frames of one read of the socket that exceed the rate: at most 64 KiB plus one frame. */
  readonly #waiting: WaitingFrame[] = [];
  #timer: NodeJS.Timeout | undefined;
  #end: () => void = () => undefined;

  /** @param take receives the frames in order, the last ones possibly after the socket is closed */
  constructor(
    socket: WebSocket,
    bucket: TokenBucket,
    take: (data: RawData, isBinary: boolean) => void,
  ) {
    this.#socket = socket;
    this.#bucket = bucket;
    this.#take = take;
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    socket.on("message", (data, isBinary) => this.#socketOnMessage(data, isBinary));
    socket.on("close", () => this.#goOn());
  }

  /** Whether reading is paused. The client's frames and pongs are not seen meanwhile. */
  get isHolding(): boolean {
    return this.#timer !== undefined;
  }

  /** Passes on all waiting frames immediately. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const { data, isBinary } of this.#waiting.splice(0)) this.#take(data, isBinary);
    this.#goOn();
  }

  #pass(): void {
    this.#timer = undefined;
    let taken = 0;
    for (const { data, isBinary } of this.#waiting) {
      if (!this.#bucket.take(1, performance.now())) break;
      taken += 1;
      this.#take(data, isBinary);
    }
    this.#waiting.splice(0, taken);
    if (this.#waiting.length > 0) this.#hold();
    else this.#goOn();
  }

  #goOn(): void {
    if (this.#timer !== undefined) return;
    if (this.#socket.readyState === this.#socket.CLOSED) this.#end();
    else this.#socket.resume();
  }

  #hold(): void {
    this.#timer = setTimeout(() => this.#pass(), this.#bucket.waitMs(performance.now()));
  }

  #socketOnMessage(data: RawData, isBinary: boolean): void {
    if (this.#timer === undefined && this.#bucket.take(1, performance.now())) {
      this.#take(data, isBinary);
      return;
    }
    this.#waiting.push({ data, isBinary });
    if (this.#timer !== undefined) return;
    this.#socket.pause();
    this.#hold();
  }
}
