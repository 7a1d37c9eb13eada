// Shared by the specs of this package: a node on a real socket that a test can script, a clock that the test moves,
// and a way to wait for a condition.
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { expect } from "chai";
import { WebSocketServer, type WebSocket } from "ws";
import {
  NodeHandshake,
  SUBPROTOCOLS,
  ShardcastError,
  decodeFrames,
  encodeFrame,
  type Endpoint,
  type ErrorCode,
  type Frame,
  type FrameType,
  type From,
  type LinkLimits,
  type PublishFrame,
  type ReadFrame,
  type SubscribeFrame,
} from "@shardcast/protocol";
import { PskKeys, createNonce } from "@shardcast/protocol/proof";
import type { Client } from "../src/client.ts";
import { connect } from "../src/connect.ts";
import type { ConnectOptions } from "../src/options.ts";
import type { Runtime } from "../src/runtime.ts";

/** Less than mocha's own timeout, so that the error names the condition. */
const PATIENCE_MS = 10_000;

const PSK = "the key of the tests";

const LIMITS: LinkLimits = {
  maxPayloadBytes: 1024 * 1024,
  maxTopics: 1000,
  windowMessages: 1000,
  heartbeatMs: 25_000,
};

type FrameOf<Type extends FrameType> = Extract<Frame, { type: Type }>;

const PAGE_MESSAGES = 3;

export interface NodeOptions {
  /** @default a free one */
  readonly port?: number;
  readonly id?: string;
  readonly psk?: string;
  readonly limits?: Partial<LinkLimits>;
  /** Accepts every client without checking the proof. */
  readonly isImpostor?: boolean;
}

interface StoredTopic {
  epoch: string;
  /** The offset before the first of `messages`; above 0 if the topic was trimmed. */
  trimmed: number;
  messages: Pick<FrameOf<"message">, "messageId" | "attributes" | "payload">[];
}

/**
 * A node that works correctly by default. A test changes its behaviour with `script`, which receives each frame first
 * and returns true if the node must ignore the frame.
 */
export class ScriptedNode {
  readonly id: string;
  readonly links: NodeLink[] = [];
  readonly topics = new Map<string, StoredTopic>();
  script: (link: NodeLink, frame: Frame) => boolean = () => false;
  /** The answer to GET /cluster. By default the cluster consists of this node alone. */
  cluster: unknown;
  clusterRequests = 0;
  limits: LinkLimits;
  readonly #keys: PskKeys;
  readonly #isImpostor: boolean;
  readonly #server: Server;
  readonly #sockets: WebSocketServer;

  private constructor(options: NodeOptions) {
    this.id = options.id ?? "n1";
    this.limits = { ...LIMITS, ...options.limits };
    this.#keys = new PskKeys(options.psk ?? PSK);
    this.#isImpostor = options.isImpostor ?? false;
    this.#server = createServer((request, response) => {
      this.clusterRequests += 1;
      response.statusCode = request.url === "/cluster" ? 200 : 404;
      response.end(JSON.stringify(this.cluster ?? clusterOf([this], this.id)));
    });
    this.#sockets = new WebSocketServer({ server: this.#server });
    this.#sockets.on("connection", (socket, request) => this.#open(socket, request));
  }

  static async listen(options: NodeOptions = {}): Promise<ScriptedNode> {
    const node = new ScriptedNode(options);
    await new Promise<void>((resolve) =>
      node.#server.listen(options.port ?? 0, "127.0.0.1", resolve),
    );
    running.add(node);
    return node;
  }

  get url(): string {
    const { port } = this.#server.address() as AddressInfo;
    return `ws://127.0.0.1:${port}`;
  }

  get openLinks(): NodeLink[] {
    return this.links.filter(({ isOpen }) => isOpen);
  }

  /** The newest link. */
  get link(): NodeLink {
    const link = this.links.at(-1);
    if (link === undefined) throw new Error("nobody has connected");
    return link;
  }

  /** All received frames of a type, over all links. */
  frames<Type extends FrameType>(type: Type): FrameOf<Type>[] {
    return this.links.flatMap((link) => link.frames(type));
  }

  topic(name: string): StoredTopic {
    let topic = this.topics.get(name);
    if (topic === undefined) {
      topic = { epoch: randomEpoch(), trimmed: 0, messages: [] };
      this.topics.set(name, topic);
    }
    return topic;
  }

  /** Stores messages with these texts as payloads. */
  store(name: string, ...texts: string[]): void {
    for (const text of texts) this.#append(name, { payload: Buffer.from(text) });
  }

  /** Starts the topic's log over in a new epoch. */
  restartTopic(name: string): void {
    this.topics.delete(name);
  }

  trim(name: string, count: number): void {
    const topic = this.topic(name);
    topic.messages.splice(0, count);
    topic.trimmed += count;
  }

  subscribe(link: NodeLink, { sub, topic: name, from }: SubscribeFrame): void {
    const topic = this.topic(name);
    const head = topic.trimmed + topic.messages.length;
    const oldest = topic.trimmed + 1;
    const isOtherEpoch = from.type === "position" && from.position.epoch !== topic.epoch;
    const start = isOtherEpoch ? topic.trimmed : startOf(from, head, oldest);
    const recovered = !isOtherEpoch && start + 1 >= oldest;
    const offset = Math.max(start, topic.trimmed);
    const topicId = [...this.topics.keys()].indexOf(name) + 1;
    link.subscriptions.set(name, { sub, topicId });
    const position = { epoch: topic.epoch, offset };
    const frames: Frame[] = [
      { type: "subscribed", sub, topicId, recovered, position, head, oldest },
    ];
    if (!recovered) {
      const first = isOtherEpoch ? 1 : start + 1;
      frames.push({ type: "gap", sub, epoch: topic.epoch, first, last: offset });
    }
    for (let next = offset + 1; next <= head; next += 1) frames.push(this.message(name, next));
    link.send(...frames);
  }

  /** Answers with at most three messages, so that short tests need several pages. */
  read(link: NodeLink, { seq, topic: name, from }: ReadFrame): void {
    const topic = this.topic(name);
    const head = topic.trimmed + topic.messages.length;
    const oldest = topic.trimmed + 1;
    const isOtherEpoch = from.type === "position" && from.position.epoch !== topic.epoch;
    const start = isOtherEpoch ? topic.trimmed : startOf(from, head, oldest);
    const offset = Math.max(start, topic.trimmed);
    const count = Math.max(0, Math.min(PAGE_MESSAGES, head - offset));
    const frames = Array.from({ length: count }, (_, index) =>
      encodeFrame(this.message(name, offset + 1 + index)),
    );
    const position = { epoch: topic.epoch, offset };
    link.send({ type: "page", seq, position, head, oldest, frames: Buffer.concat(frames) });
  }

  /** The frame of a stored message. */
  message(name: string, offset: number): FrameOf<"message"> {
    const topic = this.topic(name);
    const stored = topic.messages[offset - topic.trimmed - 1];
    if (stored === undefined) throw new Error(`${name} has no message ${offset}`);
    const topicId = [...this.topics.keys()].indexOf(name) + 1;
    return { type: "message", topicId, offset, time: 1_700_000_000_000 + offset, ...stored };
  }

  ack(link: NodeLink, frame: PublishFrame): void {
    const topic = this.topic(frame.topic);
    const index = topic.messages.findIndex(({ messageId }) => messageId === frame.messageId);
    const duplicate = index >= 0;
    if (!duplicate) {
      const { messageId, attributes, payload } = frame;
      this.#append(frame.topic, {
        ...(messageId === undefined ? {} : { messageId }),
        ...(attributes === undefined ? {} : { attributes }),
        payload,
      });
    }
    const offset = topic.trimmed + (duplicate ? index + 1 : topic.messages.length);
    link.send({ type: "ack", seq: frame.seq, position: { epoch: topic.epoch, offset }, duplicate });
  }

  async close(): Promise<void> {
    running.delete(this);
    for (const link of this.links) link.drop();
    this.#sockets.close();
    await new Promise((resolve) => {
      this.#server.close(resolve);
      this.#server.closeAllConnections();
    });
  }

  #append(name: string, content: StoredTopic["messages"][number]): void {
    const topic = this.topic(name);
    topic.messages.push(content);
    for (const link of this.openLinks) {
      if (!link.subscriptions.has(name)) continue;
      link.send(this.message(name, topic.trimmed + topic.messages.length));
    }
  }

  #open(socket: WebSocket, request: IncomingMessage): void {
    const endpoint = (request.url ?? "").slice(1) as Endpoint;
    const context = { endpoint, subprotocol: SUBPROTOCOLS.binary };
    const handshake = new NodeHandshake(this.#keys, context, createNonce());
    const link = new NodeLink(socket, endpoint);
    socket.on("error", () => undefined);
    socket.on("message", (data: Buffer) => {
      link.messageCount += 1;
      // A copy, because the frames are kept.
      for (const frame of decodeFrames(Uint8Array.from(data))) {
        if (frame.type !== "proof") {
          link.received.push(frame);
          this.#received(link, frame);
          continue;
        }
        const fields = { ...this.limits, nodeId: this.id, linkId: String(this.links.length) };
        const welcome = this.#isImpostor
          ? { type: "welcome" as const, mac: createNonce(), ...fields }
          : handshake.accept(frame, fields);
        if (welcome === undefined) socket.close(4500, "SHARDCAST_HANDSHAKE_FAILED");
        else {
          this.links.push(link);
          link.send(welcome);
        }
      }
    });
    link.send(handshake.challenge);
  }

  #received(link: NodeLink, frame: Frame): void {
    if (this.script(link, frame)) return;
    switch (frame.type) {
      case "publish":
        this.ack(link, frame);
        return;
      case "subscribe":
        this.subscribe(link, frame);
        return;
      case "read":
        this.read(link, frame);
        return;
      case "clock":
        link.send({ type: "clock", seq: frame.seq, time: 1_700_000_000_000 });
        return;
      case "ping":
        link.send({ type: "pong" });
        return;
      case "unsubscribe":
        for (const [topic, { sub }] of link.subscriptions) {
          if (sub === frame.sub) link.subscriptions.delete(topic);
        }
        link.send({ type: "unsubscribed", sub: frame.sub, code: "", reason: "" });
        return;
      default:
    }
  }
}

/** One link, on the node's side. */
export class NodeLink {
  readonly endpoint: Endpoint;
  /** All frames received after the handshake. */
  readonly received: Frame[] = [];
  readonly subscriptions = new Map<string, { readonly sub: number; readonly topicId: number }>();
  /** Number of WebSocket messages received after the handshake. */
  messageCount = -1;
  readonly #socket: WebSocket;

  constructor(socket: WebSocket, endpoint: Endpoint) {
    this.#socket = socket;
    this.endpoint = endpoint;
  }

  get isOpen(): boolean {
    return this.#socket.readyState === this.#socket.OPEN;
  }

  frames<Type extends FrameType>(type: Type): FrameOf<Type>[] {
    return this.received.filter((frame): frame is FrameOf<Type> => frame.type === type);
  }

  /** Sends all frames as one WebSocket message. */
  send(...frames: Frame[]): void {
    this.#socket.send(Buffer.concat(frames.map(encodeFrame)));
  }

  sendRaw(data: string | Uint8Array): void {
    this.#socket.send(data);
  }

  close(code: number, reason = ""): void {
    this.#socket.close(code, reason);
  }

  /** Cuts the link like a failing network. */
  drop(): void {
    this.#socket.terminate();
  }
}

/** The answer to GET /cluster. */
export function clusterOf(nodes: readonly { id: string; url: string }[], id: string): object {
  const consumers = nodes.map((node) => ({ id: node.id, url: node.url }));
  return { node: { id, role: "consumer" }, shards: 1024, hash: "murmur3_32", consumers };
}

const running = new Set<ScriptedNode>();
const clients = new Set<Client>();

/** Connects with the tests' key and short waits; `closeAll` closes the client. */
export async function connectTo(options: Partial<ConnectOptions>): Promise<Client> {
  const client = await connect({ psk: PSK, reconnect: { minMs: 1, maxMs: 20 }, ...options });
  clients.add(client);
  return client;
}

/** For `afterEach`: closes everything that the test opened. */
export async function closeAll(): Promise<void> {
  for (const client of clients) client.close();
  clients.clear();
  await Promise.all(Array.from(running, (node) => node.close()));
}

/** Waits until a condition is true. */
export async function until(isSo: () => boolean): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  while (!isSo()) {
    if (Date.now() > deadline) throw new Error(`it never came about: ${isSo.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** Returns the error with which a promise rejects. It must have this code. */
export async function failure(promise: Promise<unknown>, code: ErrorCode): Promise<ShardcastError> {
  try {
    await promise;
  } catch (error) {
    if (!(error instanceof ShardcastError)) throw error;
    expect(error.code).to.equal(code);
    return error;
  }
  throw new Error(`it did not fail with ${code}`);
}

/** Returns the code of the error that a call throws. */
export function codeOf(call: () => unknown): ErrorCode {
  try {
    call();
  } catch (error) {
    if (error instanceof ShardcastError) return error.code;
    throw error;
  }
  throw new Error("nothing was thrown");
}

/** Returns the first messages of an iterable, then leaves the loop. */
export async function take<Item>(items: AsyncIterable<Item>, count: number): Promise<Item[]> {
  const taken: Item[] = [];
  if (count === 0) return taken;
  for await (const item of items) if (taken.push(item) === count) break;
  return taken;
}

/** A clock that the test moves. Its random numbers are always 0.5. */
export class FakeClock implements Pick<Runtime, "now" | "after" | "random"> {
  #now = 0;
  readonly #timers = new Set<{ readonly at: number; readonly run: () => void }>();

  get timerCount(): number {
    return this.#timers.size;
  }

  readonly now = (): number => this.#now;

  readonly random = (): number => 0.5;

  readonly after = (ms: number, run: () => void): (() => void) => {
    const timer = { at: this.#now + ms, run };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  };

  pass(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const due = [...this.#timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.#timers.delete(due);
      this.#now = due.at;
      due.run();
    }
    this.#now = end;
  }
}

function startOf(from: From, head: number, oldest: number): number {
  switch (from.type) {
    case "live":
      return head;
    case "earliest":
    case "since":
      return oldest - 1;
    case "last":
      return Math.max(oldest - 1, head - from.count);
    case "position":
      return from.position.offset;
  }
}

function randomEpoch(): string {
  return Buffer.from(createNonce()).toString("hex").slice(0, 16);
}
