// The leader's end of a link to a tab. It answers the tab's frames like a node, with the leader's own client.
import {
  CONTENT_TYPE,
  NO_EPOCH,
  NONCE_BYTES,
  ShardcastError,
  USER_ATTRIBUTE,
  closeCodeOf,
  decodeFrames,
  decodeText,
  encodeFrame,
  isCloseReason,
  parsePosition,
  type EnterFrame,
  type Frame,
  type LeaveFrame,
  type PresenceFrame,
  type PublishFrame,
  type ReadFrame,
  type SubscribeFrame,
} from "@shardcast/protocol";
import type { Client } from "../client.ts";
import type { Gap, Subscribed } from "../inbox.ts";
import type { Message } from "../message.ts";
import type { Presence } from "../presence.ts";
import type { Subscription } from "../subscription.ts";

/** The leader's node has the last word on all limits. */
const LIMITS = {
  maxPayloadBytes: 0xffff_ffff,
  maxTopics: 0xffff_ffff,
  windowMessages: 1024,
  // The leader's end is noticed by its lock.
  heartbeatMs: 2 ** 30,
};

interface FollowedTopic {
  readonly subscription: Subscription;
  readonly topicId: number;
}

export class TabLink {
  readonly #client: Client;
  readonly #send: (bytes: Uint8Array<ArrayBuffer>) => void;
  readonly #close: (code: number, reason: string) => void;
  readonly #topics = new Map<number, FollowedTopic>();
  /** The tab's members, by topic and member id, and the lists that it asks for, by topic. */
  readonly #members = new Map<string, Presence>();
  readonly #lists = new Map<string, Presence>();
  #nextTopicId = 1;
  #isEnded = false;

  constructor(
    client: Client,
    send: (bytes: Uint8Array<ArrayBuffer>) => void,
    close: (code: number, reason: string) => void,
  ) {
    this.#client = client;
    this.#send = send;
    this.#close = close;
    this.#answer({ type: "challenge", nonce: crypto.getRandomValues(new Uint8Array(NONCE_BYTES)) });
  }

  received(bytes: Uint8Array): void {
    try {
      for (const frame of decodeFrames(bytes)) this.#received(frame);
    } catch (error) {
      if (!(error instanceof ShardcastError)) throw error;
      this.end(error);
    }
  }

  /** Ends everything that the tab has asked for. */
  end(error?: ShardcastError): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    for (const { subscription } of this.#topics.values()) subscription.close();
    for (const presence of [...this.#members.values(), ...this.#lists.values()]) presence.close();
    if (error === undefined) this.#close(1001, "");
    else this.#close(isCloseReason(error.code) ? closeCodeOf(error.code) : 1011, error.code);
  }

  #received(frame: Frame): void {
    switch (frame.type) {
      case "token":
        this.#welcome();
        return;
      case "publish":
        this.#publish(frame);
        return;
      case "subscribe":
        this.#subscribe(frame);
        return;
      case "unsubscribe":
        this.#topics.get(frame.sub)?.subscription.close();
        this.#topics.delete(frame.sub);
        this.#answer({ type: "unsubscribed", sub: frame.sub, code: "", reason: "" });
        return;
      case "read":
        void this.#ask(frame.seq, () => this.#read(frame));
        return;
      case "enter":
        void this.#ask(frame.seq, () => this.#enter(frame));
        return;
      case "leave":
        this.#leave(frame);
        return;
      case "presence":
        void this.#ask(frame.seq, () => this.#list(frame));
        return;
      case "clock":
        void this.#ask(frame.seq, async () => ({
          ...frame,
          time: Math.round(await this.#client.time()),
        }));
        return;
      case "ping":
        this.#answer({ type: "pong" });
        return;
      default:
    }
  }

  #welcome(): void {
    const [node] = this.#client.nodes();
    const mac = new Uint8Array(NONCE_BYTES);
    this.#answer({ type: "welcome", mac, nodeId: node?.node ?? "", linkId: "tab", ...LIMITS });
    this.#answer({ type: "authorized", user: this.#client.user ?? "", expiresInMs: 0 });
  }

  #publish({ seq, topic, messageId, attributes = {}, payload, timeoutMs }: PublishFrame): void {
    // Without a content type the data was a string, and must stay one.
    const isText = attributes[CONTENT_TYPE] === undefined;
    const data = isText ? (decodeText(payload, 0, payload.length) ?? payload) : payload.slice();
    this.#client.publish(topic, data, { messageId, attributes, timeoutMs }).then(
      ({ duplicate, ...position }) => this.#answer({ type: "ack", seq, position, duplicate }),
      (error: unknown) => this.#refuse(seq, error),
    );
  }

  #subscribe({ sub, topic, from }: SubscribeFrame): void {
    let subscription: Subscription;
    try {
      subscription = this.#client.subscribe(topic, { from });
    } catch (error) {
      this.#unsubscribed(sub, error);
      return;
    }
    const topicId = this.#nextTopicId;
    this.#nextTopicId += 1;
    this.#topics.set(sub, { subscription, topicId });
    subscription.on("subscribed", (confirmation) => this.#subscribed(sub, topicId, confirmation));
    subscription.on("gap", (gap) => this.#missed(sub, gap));
    subscription.on("message", (message) => this.#deliver(topicId, message));
    subscription.on("error", (error) => {
      if (this.#topics.delete(sub)) this.#unsubscribed(sub, error);
    });
  }

  #subscribed(sub: number, topicId: number, confirmation: Subscribed): void {
    const { head, oldest, recovered } = confirmation;
    const position = parsePosition(confirmation.position) ?? { epoch: NO_EPOCH, offset: 0 };
    this.#answer({ type: "subscribed", sub, topicId, recovered, position, head, oldest });
  }

  #missed(sub: number, { epoch, first, last, code }: Gap): void {
    if (code !== undefined) this.#answer({ type: "cause", sub, code });
    this.#answer({ type: "gap", sub, epoch, first, last });
  }

  #deliver(topicId: number, message: Message): void {
    const { offset, time, messageId, user, bytes: payload } = message;
    const attributes =
      user === undefined ? message.attributes : { ...message.attributes, [USER_ATTRIBUTE]: user };
    const content = { ...(messageId === undefined ? {} : { messageId }), attributes, payload };
    this.#answer({ type: "message", topicId, offset, time, ...content });
  }

  #unsubscribed(sub: number, error: unknown): void {
    const { code, message } = asShardcastError(error);
    this.#answer({ type: "unsubscribed", sub, code, reason: message });
  }

  async #read({ seq, topic, from, limitBytes }: ReadFrame): Promise<Frame> {
    const page = await this.#client.readPage(topic, from, limitBytes);
    if (page.code !== undefined) this.#answer({ type: "cause", sub: seq, code: page.code });
    const frames = concat(page.messages.map((message) => encodeFrame(message)));
    const { position, head, oldest } = page;
    return { type: "page", seq, position, head, oldest, frames };
  }

  async #enter({ seq, topic, memberId, user, info }: EnterFrame): Promise<Frame> {
    const key = `${topic} ${memberId}`;
    const presence =
      this.#members.get(key) ?? this.#client.presence(topic, { watch: false, memberId });
    this.#members.set(key, presence);
    await presence.enter({ user, info });
    return { type: "entered", seq };
  }

  #leave({ topic, memberId }: LeaveFrame): void {
    const key = `${topic} ${memberId}`;
    this.#members.get(key)?.close();
    this.#members.delete(key);
  }

  async #list({ seq, topic, limit }: PresenceFrame): Promise<Frame> {
    const page = {
      type: "present",
      seq,
      position: { epoch: NO_EPOCH, offset: 0 },
      next: 0,
    } as const;
    if (limit === 0) {
      const counting = this.#client.presence(topic, { watch: false });
      try {
        return { ...page, ...(await counting.numbers()), members: [] };
      } finally {
        counting.close();
      }
    }
    const list = this.#lists.get(topic) ?? this.#client.presence(topic);
    this.#lists.set(topic, list);
    await list.ready;
    return { ...page, count: list.count, users: list.userCount, members: list.members };
  }

  async #ask(seq: number, ask: () => Promise<Frame>): Promise<void> {
    try {
      this.#answer(await ask());
    } catch (error) {
      this.#refuse(seq, error);
    }
  }

  #refuse(seq: number, error: unknown): void {
    const { code, message } = asShardcastError(error);
    // The leader is closing: the tab repeats its request over the next leader.
    if (code !== "SHARDCAST_CLOSED") this.#answer({ type: "reject", seq, code, reason: message });
  }

  #answer(frame: Frame): void {
    if (!this.#isEnded) this.#send(encodeFrame(frame) as Uint8Array<ArrayBuffer>);
  }
}

function asShardcastError(error: unknown): ShardcastError {
  if (error instanceof ShardcastError) return error;
  return new ShardcastError("SHARDCAST_INTERNAL", String(error));
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
