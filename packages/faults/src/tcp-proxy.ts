// A TCP proxy in front of one node, used by all other nodes and all clients. It can slow down,
// stall or refuse connections, or cut them in the middle of a frame.
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";

/**
 * How the proxy treats traffic. Rates are in bytes per second, for each connection and direction.
 */
export type ProxyMode =
  | { readonly type: "pass" }
  | { readonly type: "slow"; readonly bytesPerSecond: number }
  /** Nothing passes, and neither side is notified, as with an unplugged cable. */
  | { readonly type: "stall" }
  /** Connections are cut, and new ones are refused. */
  | { readonly type: "refuse" };

const PASS: ProxyMode = { type: "pass" };
const SLICE_MS = 20;

interface Pair {
  readonly near: Socket;
  readonly far: Socket;
  /** The next chunk passes in part, then the connection is cut. */
  isToBeCut: boolean;
}

export class TcpProxy {
  readonly port: number;
  /** The number of connections accepted so far. */
  acceptedCount = 0;
  readonly #server: Server;
  readonly #targetPort: number;
  readonly #pairs = new Set<Pair>();
  #mode: ProxyMode = PASS;
  #modeChanged: (() => void)[] = [];

  private constructor(server: Server, targetPort: number) {
    this.#server = server;
    this.#targetPort = targetPort;
    this.port = (server.address() as AddressInfo).port;
    server.on("connection", (near) => this.#accept(near));
  }

  static async listen(targetPort: number): Promise<TcpProxy> {
    const server = createServer({ noDelay: true, allowHalfOpen: true });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new TcpProxy(server, targetPort);
  }

  get connectionCount(): number {
    return this.#pairs.size;
  }

  set(mode: ProxyMode): void {
    this.#mode = mode;
    for (const wake of this.#modeChanged.splice(0)) wake();
    if (mode.type === "refuse") for (const pair of this.#pairs) end(pair);
  }

  /** Cuts the chosen connections, each in the middle of its next chunk. */
  cut(isChosen: () => boolean): void {
    for (const pair of this.#pairs) if (isChosen()) pair.isToBeCut = true;
  }

  async close(): Promise<void> {
    this.set(PASS);
    for (const pair of this.#pairs) end(pair);
    this.#server.close();
    await once(this.#server, "close");
  }

  #accept(near: Socket): void {
    this.acceptedCount += 1;
    if (this.#mode.type === "refuse") {
      near.resetAndDestroy();
      return;
    }
    const far = connect({
      port: this.#targetPort,
      host: "127.0.0.1",
      noDelay: true,
      allowHalfOpen: true,
    });
    const pair: Pair = { near, far, isToBeCut: false };
    this.#pairs.add(pair);
    for (const socket of [near, far]) {
      socket.on("error", () => end(pair));
      socket.on("close", () => {
        // Data in flight in the other direction still arrives.
        (socket === near ? far : near).destroySoon();
        if (near.destroyed && far.destroyed) this.#pairs.delete(pair);
      });
    }
    void this.#pass(pair, near, far);
    void this.#pass(pair, far, near);
  }

  async #pass(pair: Pair, from: Socket, to: Socket): Promise<void> {
    try {
      // The other direction continues after this one has ended.
      const chunks = from.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>;
      for await (const chunk of chunks) {
        await this.#forward(pair, chunk, to);
      }
      to.end();
    } catch {
      end(pair);
    }
  }

  async #forward(pair: Pair, chunk: Buffer, to: Socket): Promise<void> {
    let rest = chunk;
    while (rest.length > 0) {
      while (this.#mode.type === "stall") await this.#change();
      if (pair.isToBeCut) {
        to.write(rest.subarray(0, Math.ceil(rest.length / 2)), () => end(pair));
        return;
      }
      const mode = this.#mode;
      const count =
        mode.type === "slow" ? Math.ceil((mode.bytesPerSecond * SLICE_MS) / 1000) : rest.length;
      if (!to.write(rest.subarray(0, count))) await drained(to);
      rest = rest.subarray(count);
      if (mode.type === "slow") await new Promise((resolve) => setTimeout(resolve, SLICE_MS));
    }
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#modeChanged.push(resolve));
  }
}

/** Resolves when a socket can take more data, or is closed. */
function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      socket.off("drain", done);
      socket.off("close", done);
      resolve();
    };
    socket.on("drain", done);
    socket.on("close", done);
  });
}

function end({ near, far }: Pair): void {
  near.destroy();
  far.destroy();
}
