// The TCP server at a node's address. It passes connections on to the node, keeps the address while the node is down,
// and applies the faults of the network.
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { OneWay, type Passage } from "./one-way.ts";

export const HOST = "127.0.0.1";

/** The network, as the front of one node sees it. A source is a node's id, or `clients`. */
export interface FrontFaults {
  /** Returns the source of a connection, by its port. It is known when the first bytes arrive. */
  sourceOf(remotePort: number | undefined): string;
  isCut(source: string): boolean;
  passage(source: string): Passage;
}

interface Pair {
  readonly near: Socket;
  readonly far: Socket;
  readonly source: string;
  readonly ways: readonly OneWay[];
}

export class Front {
  readonly url: string;
  readonly #server: Server;
  readonly #faults: FrontFaults;
  /** Connections from which nothing has arrived yet. */
  readonly #silent = new Set<Socket>();
  readonly #pairs = new Set<Pair>();
  #targetPort: number | undefined;

  private constructor(server: Server, faults: FrontFaults) {
    this.#server = server;
    this.#faults = faults;
    this.url = `ws://${HOST}:${(server.address() as AddressInfo).port}`;
    server.on("connection", (socket) => this.#accept(socket));
  }

  static async listen(faults: FrontFaults): Promise<Front> {
    const server = createServer({ noDelay: true, allowHalfOpen: true });
    server.listen(0, HOST);
    await once(server, "listening");
    return new Front(server, faults);
  }

  /** Passes connections on to a port from now on. */
  open(targetPort: number): void {
    this.#targetPort = targetPort;
  }

  /** Resets all connections, and refuses new ones. */
  shut(): void {
    this.#targetPort = undefined;
    for (const socket of this.#silent) socket.resetAndDestroy();
    this.drop(() => true);
  }

  /** Applies the faults as they are now to the connections. */
  update(): void {
    this.drop((source) => this.#faults.isCut(source));
    for (const { ways } of this.#pairs) for (const way of ways) way.flush();
  }

  /** Resets the connections from the chosen sources. */
  drop(isChosen: (source: string) => boolean): void {
    for (const pair of this.#pairs) {
      if (!isChosen(pair.source)) continue;
      this.#forget(pair);
      pair.near.resetAndDestroy();
      pair.far.destroy();
    }
  }

  async close(): Promise<void> {
    this.shut();
    this.#server.close();
    await once(this.#server, "close");
  }

  #accept(near: Socket): void {
    near.on("error", () => undefined);
    if (this.#targetPort === undefined) {
      near.resetAndDestroy();
      return;
    }
    this.#silent.add(near);
    near.once("close", () => this.#silent.delete(near));
    near.once("data", (chunk: Buffer) => {
      this.#silent.delete(near);
      near.pause();
      near.unshift(chunk);
      this.#connect(near);
    });
  }

  #connect(near: Socket): void {
    const source = this.#faults.sourceOf(near.remotePort);
    const port = this.#targetPort;
    if (port === undefined || this.#faults.isCut(source)) {
      near.resetAndDestroy();
      return;
    }
    const far = connect({ host: HOST, port, noDelay: true, allowHalfOpen: true });
    far.on("error", () => undefined);
    const passage = (): Passage => this.#faults.passage(source);
    const ways = [new OneWay(near, far, passage), new OneWay(far, near, passage)];
    const pair: Pair = { near, far, source, ways };
    this.#pairs.add(pair);
    const onClose = (): void => {
      if (near.closed && far.closed) this.#forget(pair);
    };
    near.once("close", onClose);
    far.once("close", onClose);
  }

  #forget(pair: Pair): void {
    this.#pairs.delete(pair);
    for (const way of pair.ways) way.close();
  }
}
