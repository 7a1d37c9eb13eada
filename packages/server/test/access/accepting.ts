// A node's front door on a real port, in this process: a test decides when a token is checked, with what outcome,
// and what time it is.
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import {
  FRAME_TYPES,
  Permissions,
  SUBPROTOCOLS,
  ShardcastError,
  decodeFrames,
  encodeFrame,
  type Endpoint,
  type Frame,
  type FrameType,
} from "@shardcast/protocol";
import { PskKeys } from "@shardcast/protocol/proof";
import type { Logger } from "pino";
import WebSocket from "ws";
import type { AccessLimits } from "../../src/access/access-limits.ts";
import { Gate } from "../../src/access/gate.ts";
import type { Identity } from "../../src/access/identity.ts";
import { OriginList } from "../../src/access/origin-list.ts";
import type { TokenVerifier } from "../../src/access/token-verifier.ts";
import { Acceptor } from "../../src/link/acceptor.ts";
import type { HandledLink, LinkHandler } from "../../src/link/link-handler.ts";
import { LifecycleEvents } from "../../src/publish/lifecycle-events.ts";
import { Sweep } from "../../src/link/sweep.ts";
import { UnfinishedMessages } from "../../src/link/unfinished-messages.ts";
import { Turn } from "../../src/turn/turn.ts";
import { ALL_TOPICS, Clock, NO_LIMITS, identityOf } from "./support.ts";

const PSK = "the key of the tests";
const PATIENCE_MS = 10_000;
const LIMITS = {
  maxPayloadBytes: 1024,
  maxTopics: 10,
  windowMessages: 10,
  heartbeatMs: 25_000,
};

/** A token that is being checked. */
export interface Check {
  readonly token: string;
  accept(fields?: Partial<Identity>): void;
  refuse(error: Error): void;
}

export class FrontDoor {
  readonly clock = new Clock();
  readonly checks: Check[] = [];
  readonly links: HandledLink[] = [];
  readonly received: FrameType[] = [];
  /** What the handler did otherwise. */
  readonly events: string[] = [];
  readonly errors: unknown[] = [];
  readonly gate: Gate;
  readonly sweep: Sweep;
  opened: (link: HandledLink) => void = () => undefined;
  readonly #server: Server;

  constructor(limits: Partial<AccessLimits> = {}) {
    const verify = (token: string): Promise<Identity> =>
      new Promise((resolve, reject) => {
        const accept = (fields?: Partial<Identity>): void => resolve(identityOf(fields));
        this.checks.push({ token, accept, refuse: reject });
      });
    this.gate = new Gate({
      verifier: { verify } as unknown as TokenVerifier,
      anonymous: new Permissions([ALL_TOPICS]),
      limits: { ...NO_LIMITS, linksPerAddress: 5, linksPerUser: 3, ...limits },
      now: this.clock.now,
    });
    this.sweep = new Sweep({ heartbeatMs: LIMITS.heartbeatMs, now: this.clock.now });
    const failed = (error: unknown): void => void this.errors.push(error);
    const logger = { error: ({ error }: { error: unknown }) => failed(error) };
    const handler = this.#handler();
    const acceptor = new Acceptor({
      nodeId: "c1",
      keys: new PskKeys(PSK),
      limits: LIMITS,
      windowOf: () => LIMITS.windowMessages,
      handshakeTimeoutMs: 3000,
      context: {
        now: Date.now,
        turn: new Turn({ onError: failed }),
        highWaterBytes: 64 * 1024,
        logger: logger as unknown as Logger,
        sweep: this.sweep,
        events: new LifecycleEvents("c1", [], Date.now),
        unfinished: new UnfinishedMessages({ inAll: Infinity, each: Infinity }),
      },
      gate: this.gate,
      counters: { handshakes: 0, handshakeFailures: 0 },
      maxLinks: 1000,
      handshakesPerSecond: Infinity,
      origins: new OriginList("*"),
      trustedHops: 1,
      handlers: { subscribe: handler, connect: handler, produce: handler, relay: handler },
      legacy: undefined,
    });
    this.#server = createServer().listen(0, "127.0.0.1");
    this.#server.on("upgrade", (request, tcp, head) => acceptor.upgrade(request, tcp, head));
  }

  async ready(): Promise<this> {
    if (!this.#server.listening) await once(this.#server, "listening");
    return this;
  }

  close(): void {
    this.gate.close();
    this.sweep.stop();
    this.#server.close();
    this.#server.closeAllConnections();
  }

  /** Opens a socket that has sent nothing. */
  async dial(endpoint: Endpoint = "connect", headers: object = {}): Promise<Caller> {
    const { port } = this.#server.address() as AddressInfo;
    const caller = new Caller(`ws://127.0.0.1:${port}/${endpoint}`, headers);
    await once(caller.socket, "open");
    return caller;
  }

  /** Opens a link, of a user; the last of `links` is the node's end of it. */
  async enter(fields: Partial<Identity> = {}, headers: object = {}): Promise<Caller> {
    const caller = await this.dial("connect", headers);
    caller.send({ type: "token", token: "a.b.c" });
    (await this.check()).accept(fields);
    await caller.first("authorized");
    return caller;
  }

  /** The next token that is to be checked. */
  async check(): Promise<Check> {
    await until("a token to check", () => this.checks.length > 0);
    const [check] = this.checks.splice(0, 1);
    if (check === undefined) throw new Error("no token");
    return check;
  }

  /** How many links one address, and one user, may still have: as many as the limits say where none is counted. */
  room(user: string, address: string): number {
    const entered = [];
    for (;;) {
      try {
        entered.push(this.gate.enter(identityOf({ user }), address));
      } catch {
        for (const access of entered) this.gate.leave(access);
        return entered.length;
      }
    }
  }

  /** Waits until nobody is left, and tells what is still counted: nothing, where all is well. */
  async leftovers(): Promise<object> {
    const { sweep } = this;
    await until("all have left", () => sweep.linkCount + sweep.pendingCount === 0);
    return { ann: 3 - this.room("ann", "9.9.9.9"), here: 5 - this.room("", "127.0.0.1") };
  }

  #handler(): LinkHandler {
    return {
      opened: (link) => {
        this.links.push(link);
        this.opened(link);
      },
      received: (_link, type) => {
        const name = Object.entries(FRAME_TYPES).find(([, value]) => value === type)?.[0];
        this.received.push(name as FrameType);
      },
      writable: () => this.events.push("writable"),
      closed: () => this.events.push("closed"),
      permitted: () => this.events.push("permitted"),
    };
  }
}

/** A client's socket that does as its test says. */
export class Caller {
  readonly socket: WebSocket;
  readonly frames: Frame[] = [];
  #closed: string | undefined;

  constructor(url: string, headers: object) {
    this.socket = new WebSocket(url, SUBPROTOCOLS.binary, { headers: { ...headers } });
    this.socket.on("message", (data: Buffer) => this.frames.push(...decodeFrames(data)));
    this.socket.on(
      "close",
      (code, reason) => (this.#closed = `${code} ${reason.toString("utf8")}`),
    );
    this.socket.on("error", () => undefined);
  }

  /** All in one WebSocket message. */
  send(...frames: readonly Frame[]): void {
    this.socket.send(Buffer.concat(frames.map(encodeFrame)));
  }

  async first(type: FrameType): Promise<Frame> {
    const isThere = (): boolean => this.frames.some((frame) => frame.type === type);
    await until(`${type}; ${this.#closed ?? "it is open"}`, isThere);
    const frame = this.frames.find((one) => one.type === type);
    if (frame === undefined) throw new Error(`no ${type}`);
    return frame;
  }

  async closed(): Promise<string> {
    await until("the close", () => this.#closed !== undefined);
    return this.#closed ?? "";
  }

  /** What was sent has been read: a pong comes behind it. */
  async settled(): Promise<void> {
    const pong = once(this.socket, "pong");
    this.socket.ping();
    await pong;
  }

  types(): FrameType[] {
    return this.frames.map(({ type }) => type);
  }
}

export function invalid(detail: string): ShardcastError {
  return new ShardcastError("SHARDCAST_TOKEN_INVALID", detail);
}

export async function until(what: string, isSo: () => boolean): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  while (!isSo()) {
    if (Date.now() > deadline) throw new Error(`it never came about: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
