// The messages of a topic: the newest ones, new ones as they arrive, older ones on request, and those that this
// application has published and that have not arrived yet.
import type { ShardcastError } from "@shardcast/protocol";
import { formatPosition, parsePosition, type From, type Position } from "@shardcast/protocol";
import type { Gap, Subscribed } from "../inbox.ts";
import type { Message } from "../message.ts";
import type { Subscription } from "../subscription.ts";
import type { PublishStore } from "./publish-store.ts";
import type { ClientSource, StoresClient } from "./stores-client.ts";
import { SharedStore, Source } from "./store.ts";
import { outgoingMessage, storedMessage, type TopicMessage } from "./topic-message.ts";

const GAPS_LIMIT = 100;
const DEFAULT_HISTORY = 50;
const DEFAULT_LIMIT = 1000;

export interface TopicStoreOptions {
  /** Where to start, as for `client.subscribe`. @default `last:<history>` */
  readonly from?: string | From | undefined;
  /** How many messages to show first, and how many `loadOlder` adds. @default 50 */
  readonly history?: number | undefined;
  /** How many stored messages to keep. Beyond that, the oldest ones go. @default 1000 */
  readonly limit?: number | undefined;
}

/** `offline`: the client is not connected, and continues when it is. `ended`: because of `error`, or the client closed. */
export type TopicStatus = "loading" | "live" | "offline" | "ended";

export interface TopicSnapshot {
  /** In the order of the topic; at the end those that this application has published and that have not arrived yet. */
  readonly messages: readonly TopicMessage[];
  /** Messages in between that are unavailable: the last 100 gaps. */
  readonly gaps: readonly Gap[];
  /** The first messages, or older ones, are on their way. */
  readonly isLoading: boolean;
  /** `loadOlder` would add messages: older ones are retained, and there is room for them. */
  readonly hasOlder: boolean;
  /** Why the subscription has ended, or why `loadOlder` has failed. */
  readonly error: ShardcastError | undefined;
  readonly status: TopicStatus;
}

const INITIAL: TopicSnapshot = Object.freeze({
  messages: Object.freeze([]),
  gaps: Object.freeze([]),
  isLoading: true,
  hasOlder: false,
  error: undefined,
  status: "loading",
});

export interface TopicSourceOptions extends TopicStoreOptions {
  readonly topic: string;
  readonly client: ClientSource;
  readonly publishing: PublishStore;
}

export class TopicSource extends Source<TopicSnapshot> {
  readonly #options: TopicSourceOptions;
  readonly #history: number;
  readonly #limit: number;
  readonly #stored: TopicMessage[] = [];
  /** The keys of the stored messages. */
  readonly #keys = new Set<string>();
  #gaps: Gap[] = [];
  /** Undefined until a node has confirmed the subscription. Everything up to here has been delivered, or is a gap. */
  #position: Position | undefined;
  /** The newest stored message when the subscription was confirmed for the first time. */
  #head: number | undefined;
  /** Older messages end before this position. */
  #before: Position | undefined;
  #isAtStart = false;
  #loading: Promise<void> | undefined;
  #error: ShardcastError | undefined;
  #isEnded = false;
  #client: StoresClient | undefined;
  #subscription: Subscription | undefined;
  #stops: (() => void)[] = [];

  constructor(options: TopicSourceOptions) {
    super(INITIAL);
    this.#options = options;
    this.#history = options.history ?? DEFAULT_HISTORY;
    this.#limit = options.limit ?? DEFAULT_LIMIT;
  }

  loadOlder(): Promise<void> {
    this.#loading ??= this.#loadOlder().finally(() => {
      this.#loading = undefined;
      this.changed();
    });
    return this.#loading;
  }

  protected start(): void {
    const { topic, client: clientSource, publishing } = this.#options;
    const client = (this.#client = clientSource());
    if (client === undefined) return;
    const changed = (): void => this.changed();
    this.#stops = [publishing.subscribe(changed), client.on("state", changed)];
    this.#error = undefined;
    this.#isEnded = false;
    const position = this.#position;
    const { from = `last:${this.#history}` } = this.#options;
    try {
      const start = position === undefined ? from : formatPosition(position);
      this.#listen(client.subscribe(topic, { from: start }));
    } catch (error) {
      this.#end(error as ShardcastError);
    }
  }

  protected stop(): void {
    for (const stop of this.#stops.splice(0)) stop();
    this.#subscription?.close();
    this.#subscription = undefined;
  }

  protected build(): TopicSnapshot {
    if (this.#client === undefined) return INITIAL;
    const { user } = this.#client;
    const { messages } = this.#options.publishing.source;
    // An outbox may have loaded a message, or may still wait for its ack, when history has it already.
    const ids = new Set(messages.length > 0 ? this.#stored.map(({ messageId }) => messageId) : []);
    const outgoing = messages.filter(
      ({ messageId, position }) => !ids.has(messageId) && !this.#isPast(position),
    );
    const own = outgoing.map((message) => outgoingMessage(message, user));
    return Object.freeze({
      messages: Object.freeze([...this.#stored, ...own]),
      gaps: Object.freeze([...this.#gaps]),
      isLoading: !this.#isEnded && (!this.#isCaughtUp || this.#loading !== undefined),
      hasOlder: this.#hasOlder,
      error: this.#error,
      status: this.#status,
    });
  }

  #listen(subscription: Subscription): void {
    this.#subscription = subscription;
    const whileCurrent =
      <Value>(listener: (value: Value) => void) =>
      (value: Value): void => {
        if (this.#subscription === subscription) listener(value);
      };
    subscription.on(
      "subscribed",
      whileCurrent((event: Subscribed) => this.#subscribed(event)),
    );
    subscription.on(
      "message",
      whileCurrent((message: Message) => this.#received(message)),
    );
    subscription.on(
      "gap",
      whileCurrent((gap: Gap) => this.#missed(gap)),
    );
    subscription.on(
      "error",
      whileCurrent((error: ShardcastError) => this.#end(error)),
    );
    subscription.on(
      "closed",
      whileCurrent(() => this.#end(this.#error)),
    );
  }

  #subscribed({ position: text, head, oldest }: Subscribed): void {
    const position = parsePosition(text);
    if (this.#head === undefined && position !== undefined) {
      const { epoch, offset } = position;
      this.#position = position;
      this.#head = head;
      this.#before = { epoch, offset: offset + 1 };
      this.#isAtStart = offset === 0 || offset < oldest;
    }
    this.changed();
  }

  #received(message: Message): void {
    const { messageId, position } = message;
    const { source } = this.#options.publishing;
    const isOwn = messageId !== undefined && source.has(messageId) && !this.#keys.has(messageId);
    if (isOwn) source.delivered(messageId, position);
    const { epoch, offset } = message;
    this.#position = { epoch, offset };
    const stored = storedMessage(message, isOwn);
    this.#stored.push(stored);
    this.#keys.add(stored.key);
    this.#trim();
    this.changed();
  }

  #missed(gap: Gap): void {
    const { epoch, last, isNewEpoch } = gap;
    this.#position = { epoch, offset: last };
    // Offsets have started over.
    if (isNewEpoch) this.#head = last;
    this.#gaps = [...this.#gaps, gap].slice(-GAPS_LIMIT);
    // Nothing before this is retained, as far as it is not in the list already.
    if (isNewEpoch || this.#stored.length === 0) {
      this.#isAtStart = true;
      this.#before ??= { epoch, offset: last + 1 };
    }
    this.changed();
  }

  #end(error: ShardcastError | undefined): void {
    this.#isEnded = true;
    this.#error = error;
    this.changed();
  }

  #trim(): void {
    if (this.#stored.length <= this.#limit) return;
    for (const { key } of this.#stored.splice(0, this.#stored.length - this.#limit)) {
      this.#keys.delete(key);
    }
    this.#before = positionOf(this.#stored[0]) ?? this.#before;
    this.#isAtStart = false;
  }

  async #loadOlder(): Promise<void> {
    const before = this.#before;
    if (this.#client === undefined || before === undefined || !this.#hasOlder) return;
    this.changed();
    const limit = Math.min(this.#history || DEFAULT_HISTORY, this.#limit - this.#stored.length);
    try {
      const options = { before: formatPosition(before), limit };
      const page = await this.#client.history(this.#options.topic, options);
      // Meanwhile the list was trimmed.
      if (this.#before !== before) return;
      const older = page.messages.map((message) => storedMessage(message, false));
      const room = Math.max(0, this.#limit - this.#stored.length);
      const added = older.slice(Math.max(0, older.length - room));
      this.#stored.unshift(...added);
      for (const { key } of added) this.#keys.add(key);
      this.#before = positionOf(added[0]) ?? before;
      this.#isAtStart = (page.isStart || older.length === 0) && added.length === older.length;
      this.#gaps = [...page.gaps, ...this.#gaps].slice(-GAPS_LIMIT);
      if (!this.#isEnded) this.#error = undefined;
    } catch (error) {
      if (!this.#isEnded) this.#error = error as ShardcastError;
    }
  }

  get #isCaughtUp(): boolean {
    const [head, position] = [this.#head, this.#position];
    return head !== undefined && position !== undefined && position.offset >= head;
  }

  get #hasOlder(): boolean {
    return this.#before !== undefined && !this.#isAtStart && this.#stored.length < this.#limit;
  }

  get #status(): TopicStatus {
    const name = this.#client?.state.name;
    if (this.#isEnded || name === "closed") return "ended";
    if (this.#head === undefined) return name === "offline" ? "offline" : "loading";
    return name === "open" ? "live" : "offline";
  }

  /** Whether a message with this position was delivered, or is unavailable. */
  #isPast(text: string | undefined): boolean {
    const own = this.#position;
    const position = text === undefined ? undefined : parsePosition(text);
    return position !== undefined && position.epoch === own?.epoch && position.offset <= own.offset;
  }
}

export class TopicStore extends SharedStore<TopicSnapshot, TopicSource> {
  /** Adds older messages, if there are any. Never rejects: `error` says why it has failed. */
  readonly loadOlder = (): Promise<void> => this.source.loadOlder();
}

function positionOf(message: TopicMessage | undefined): Position | undefined {
  return message?.position === undefined ? undefined : parsePosition(message.position);
}
