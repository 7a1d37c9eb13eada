// Request and reply over two topics: the requester's own reply topic, and the topic of those who answer.
import { ShardcastError } from "@shardcast/protocol";
import type { PublishData } from "./data.ts";
import type { Message } from "./message.ts";
import type { PublishOptions } from "./outbox.ts";
import { readDuration } from "./options.ts";
import { randomId } from "./random-id.ts";
import type { Published } from "./publication.ts";
import type { Runtime } from "./runtime.ts";
import type { Subscription } from "./subscription.ts";

const REPLY_TO = "reply-to";
const CORRELATION_ID = "correlation-id";

const REPLY_TOPICS = "replies/";
const TIMEOUT_MS = 10_000;

export interface RequestOptions extends Omit<PublishOptions, "timeoutMs"> {
  /** How long the whole request may take, in ms. @default 10_000 */
  readonly timeoutMs?: number | undefined;
}

/** The client, as far as requests and replies use it. */
export interface RequestingClient {
  publish(topic: string, data: PublishData, options: PublishOptions): Promise<Published>;
  subscribe(topic: string): Subscription;
}

interface PendingRequest {
  readonly resolve: (message: Message) => void;
  readonly reject: (error: unknown) => void;
}

/** The requests of a client. Its reply topic is followed from the first request on. */
export class RequestReply {
  readonly #client: RequestingClient;
  readonly #after: Runtime["after"];
  readonly #pending = new Map<string, PendingRequest>();
  readonly #replyTopic = `${REPLY_TOPICS}${randomId()}`;
  #replies: Subscription | undefined;
  #count = 0;

  constructor(client: RequestingClient, after: Runtime["after"]) {
    this.#client = client;
    this.#after = after;
  }

  async request(topic: string, data: PublishData, options: RequestOptions): Promise<Message> {
    const timeoutMs = readDuration("timeoutMs", options.timeoutMs ?? TIMEOUT_MS);
    const id = `${this.#count}`;
    this.#count += 1;
    const attributes = {
      ...options.attributes,
      [REPLY_TO]: this.#replyTopic,
      [CORRELATION_ID]: id,
    };
    const reply = new Promise<Message>((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
    });
    const detail = `no reply to ${topic} within ${timeoutMs} ms`;
    const cancel = this.#after(timeoutMs, () =>
      this.#pending.get(id)?.reject(new ShardcastError("SHARDCAST_TIMEOUT", detail)),
    );
    const abort = (): void => this.#pending.get(id)?.reject(options.signal?.reason);
    options.signal?.addEventListener("abort", abort);
    try {
      const published = this.#follow().ready.then(() =>
        this.#client.publish(topic, data, { ...options, attributes, timeoutMs }),
      );
      // A publish that fails ends the request; one that is only slow to be acked does not hold up its reply.
      return await Promise.race([reply, published.then(() => reply)]);
    } finally {
      cancel();
      options.signal?.removeEventListener("abort", abort);
      this.#pending.delete(id);
      reply.catch(() => undefined);
    }
  }

  #follow(): Subscription {
    if (this.#replies !== undefined) return this.#replies;
    const replies = this.#client.subscribe(this.#replyTopic);
    replies.on("message", (message) => {
      this.#pending.get(message.attributes[CORRELATION_ID] ?? "")?.resolve(message);
    });
    replies.on("closed", () => {
      this.#replies = undefined;
    });
    this.#replies = replies;
    return replies;
  }
}

/** @throws SHARDCAST_OPTION_INVALID if the message asks for no reply */
export async function reply(
  client: Pick<RequestingClient, "publish">,
  message: Message,
  data: PublishData,
  options: PublishOptions,
): Promise<Published> {
  const { [REPLY_TO]: topic, [CORRELATION_ID]: id } = message.attributes;
  if (topic === undefined || id === undefined) {
    throw new ShardcastError("SHARDCAST_OPTION_INVALID", "the message asks for no reply");
  }
  const attributes = { ...options.attributes, [CORRELATION_ID]: id };
  return client.publish(topic, data, { ...options, attributes });
}
