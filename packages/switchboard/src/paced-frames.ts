// The frames of one client's WebSocket, at the pace that it may keep. What comes faster is not refused, for then it
// would be lost where nobody looks at errors: the socket is not read meanwhile, so that the client's own end waits.
import type { RawData, WebSocket } from "ws";
import type { TokenBucket } from "@shardcast/process";

interface Frame {
  readonly data: RawData;
  readonly isBinary: boolean;
}

export class PacedFrames {
  /** Resolves when the socket is closed and all that came over it is taken. */
  readonly ended: Promise<void>;
  readonly #socket: WebSocket;
  readonly #bucket: TokenBucket;
  readonly #take: (data: RawData, isBinary: boolean) => void;
  /** What came with one read of the socket, and is too early: 64 KiB and one frame at the most. */
  readonly #waiting: Frame[] = [];
  #timer: NodeJS.Timeout | undefined;
  #end: () => void = () => undefined;

  /** @param take gets the frames, in their order; the last ones maybe after the socket is closed */
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

  /** The socket is not read at the moment: what the client has sent, a pong as well, is not seen yet. */
  get isHolding(): boolean {
    return this.#timer !== undefined;
  }

  /** Gives what waits now. */
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
