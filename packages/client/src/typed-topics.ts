// Topics with types: the data of each is described by a schema, and parts of the name are parameters. Any library
// that implements Standard Schema (https://standardschema.dev) can be used. @shardcast/client/topics, an entry of its
// own, so that programs without it do not load it.
import { ShardcastError, topicFault, type Attributes } from "@shardcast/protocol";
import type { Client, SubscribeOptions } from "./client.ts";
import type { PublishData } from "./data.ts";
import type { SubscriptionEvents } from "./inbox.ts";
import type { Message } from "./message.ts";
import type { PublishOptions } from "./outbox.ts";
import type { Published } from "./publication.ts";
import type { MessageIterator, Subscription } from "./subscription.ts";

/** A schema of any library that implements Standard Schema, version 1. */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>;
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

export interface SchemaIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

export interface TopicDefinition {
  /** Describes the data that is published. A validation must be synchronous. */
  readonly data: StandardSchema;
  /** The same as a JSON Schema, for `shardcast asyncapi`, if the library of `data` cannot convert it. */
  readonly jsonSchema?: object;
  /** One sentence for `shardcast asyncapi`. */
  readonly description?: string;
}

export type TopicDefinitions = Readonly<Record<string, TopicDefinition>>;

/** The parameters in a name: `{ room: string }` of `chat/:room`. */
export type TopicParams<Name extends string> = {
  readonly [Param in ParamsIn<Name>]: string;
};

type ParamsIn<Name extends string> = Name extends `${infer First}/${infer Rest}`
  ? ParamIn<First> | ParamsIn<Rest>
  : ParamIn<Name>;
type ParamIn<Segment extends string> = Segment extends `:${infer Param}` ? Param : never;

type SchemaTypes<Definition extends TopicDefinition> = NonNullable<
  Definition["data"]["~standard"]["types"]
>;
/** What a publisher passes. */
export type TopicInput<Definition extends TopicDefinition> = SchemaTypes<Definition>["input"];
/** What a subscriber gets: the input after the schema's defaults and conversions. */
export type TopicOutput<Definition extends TopicDefinition> = SchemaTypes<Definition>["output"];

/** Topics of an application, for any client. */
export interface Topics<Definitions extends TopicDefinitions> {
  readonly definitions: Definitions;
  /** Returns the topics as the client publishes and follows them. */
  of(client: Client): TypedTopics<Definitions>;
}

/**
 * Defines topics by their names. A segment that begins with `:` is a parameter: `chat/:room` stands for every topic
 * `chat/<room>`.
 * @throws SHARDCAST_OPTION_INVALID if a name is not valid
 */
export function defineTopics<const Definitions extends TopicDefinitions>(
  definitions: Definitions,
): Topics<Definitions> {
  for (const name of Object.keys(definitions)) checkName(name);
  return { definitions, of: (client) => new TypedTopics(client, definitions) };
}

export class TypedTopics<Definitions extends TopicDefinitions> {
  readonly #client: Client;
  readonly #definitions: Definitions;

  /** Called by `Topics.of` only. */
  constructor(client: Client, definitions: Definitions) {
    this.#client = client;
    this.#definitions = definitions;
  }

  /**
   * Publishes data that matches the topic's schema, as it is: the schema's defaults and conversions are left to the
   * subscribers.
   * @throws SHARDCAST_SCHEMA_MISMATCH if the data does not match; then nothing is sent
   * @throws SHARDCAST_TOPIC_INVALID if a parameter is not one segment of a topic; and all codes of `Client.publish`
   */
  publish<Name extends keyof Definitions & string>(
    name: Name,
    params: TopicParams<Name>,
    data: TopicInput<Definitions[Name]>,
    options?: PublishOptions,
  ): Promise<Published> {
    return new Promise((resolve) => {
      const result = validated(this.#schemaOf(name), data);
      if (result.issues !== undefined) throw mismatch(result.issues);
      resolve(this.#client.publish(topicOf(name, params), data as PublishData, options));
    });
  }

  /**
   * Subscribes to one topic. It delivers the messages that match the schema.
   * @throws SHARDCAST_TOPIC_INVALID if a parameter is not one segment of a topic; and all codes of `Client.subscribe`
   */
  subscribe<Name extends keyof Definitions & string>(
    name: Name,
    params: TopicParams<Name>,
    options?: SubscribeOptions,
  ): TypedSubscription<TopicParams<Name>, TopicOutput<Definitions[Name]>> {
    const schema = this.#schemaOf(name);
    const subscription = this.#client.subscribe(topicOf(name, params), options);
    return new TypedSubscription(subscription, params, schema);
  }

  #schemaOf(name: string): StandardSchema {
    const { [name]: definition } = this.#definitions;
    if (definition !== undefined) return definition.data;
    throw new ShardcastError("SHARDCAST_OPTION_INVALID", `the topic ${name} is not defined`);
  }
}

/** A message whose data matches its schema. */
export class TypedMessage<Params, Data> {
  readonly topic: string;
  readonly params: Params;
  readonly data: Data;
  readonly epoch: string;
  readonly offset: number;
  readonly time: number;
  readonly messageId: string | undefined;
  readonly user: string | undefined;
  readonly attributes: Attributes;
  readonly bytes: Uint8Array;
  /** `<epoch>_<offset>`: `subscribe(name, params, { from: message.position })` continues after this message. */
  readonly position: string;

  constructor(message: Message, params: Params, data: Data) {
    this.topic = message.topic;
    this.params = params;
    this.data = data;
    this.epoch = message.epoch;
    this.offset = message.offset;
    this.time = message.time;
    this.messageId = message.messageId;
    this.user = message.user;
    this.attributes = message.attributes;
    this.bytes = message.bytes;
    this.position = message.position;
  }
}

/** A message that does not match. */
export interface MalformedMessage {
  /** The message as it was published. */
  readonly message: Message;
  /** SHARDCAST_SCHEMA_MISMATCH, with the place in its message. */
  readonly problem: ShardcastError;
}

export interface TypedSubscriptionEvents<Params, Data> extends Omit<SubscriptionEvents, "message"> {
  readonly message: TypedMessage<Params, Data>;
  /** A message that does not match was skipped. Emitted when a loop or a listener would have got it. */
  readonly malformed: MalformedMessage;
}

/** `AsyncIterableIterator<TypedMessage<Params, Data>, undefined>`, which TypeScript before 5.6 does not have. */
export interface TypedMessageIterator<Params, Data> {
  next(): Promise<IteratorResult<TypedMessage<Params, Data>, undefined>>;
  return(): Promise<IteratorResult<TypedMessage<Params, Data>, undefined>>;
  [Symbol.asyncIterator](): TypedMessageIterator<Params, Data>;
}

/** As `Subscription`, but only with messages that match. The others are emitted as "malformed". */
export class TypedSubscription<Params, Data> implements AsyncIterable<TypedMessage<Params, Data>> {
  readonly topic: string;
  readonly params: Params;
  readonly ready: Promise<void>;
  readonly #subscription: Subscription;
  readonly #schema: StandardSchema;
  readonly #malformed = new Set<(value: MalformedMessage) => void>();
  /** A message may go to a loop and to a listener. Undefined for one that does not match. */
  readonly #typed = new WeakMap<Message, TypedMessage<Params, Data> | undefined>();

  /** Called by `TypedTopics` only. */
  constructor(subscription: Subscription, params: Params, schema: StandardSchema) {
    this.topic = subscription.topic;
    this.params = params;
    this.ready = subscription.ready;
    this.#subscription = subscription;
    this.#schema = schema;
  }

  get position(): string | undefined {
    return this.#subscription.position;
  }

  /** Adds a listener. Returns a function that removes it. */
  on<Name extends keyof TypedSubscriptionEvents<Params, Data>>(
    name: Name,
    listener: (value: TypedSubscriptionEvents<Params, Data>[Name]) => void,
  ): () => void;
  on(name: keyof TypedSubscriptionEvents<Params, Data>, listener: (value: never) => void) {
    const anyListener = listener as (value: unknown) => void;
    if (name === "malformed") {
      this.#malformed.add(anyListener);
      return () => this.#malformed.delete(anyListener);
    }
    if (name !== "message") return this.#subscription.on(name, anyListener);
    return this.#subscription.on("message", (message) => {
      const typed = this.#check(message);
      if (typed !== undefined) anyListener(typed);
    });
  }

  /** Leaving the loop closes the subscription, as with `Subscription`. */
  [Symbol.asyncIterator](): TypedMessageIterator<Params, Data> {
    const messages: MessageIterator = this.#subscription[Symbol.asyncIterator]();
    const iterator: TypedMessageIterator<Params, Data> = {
      next: async () => {
        for (;;) {
          const result = await messages.next();
          if (result.done === true) return result;
          const typed = this.#check(result.value);
          if (typed !== undefined) return { done: false, value: typed };
        }
      },
      return: async () => {
        await messages.return();
        return { done: true, value: undefined };
      },
      [Symbol.asyncIterator]: () => iterator,
    };
    return iterator;
  }

  close(): void {
    this.#subscription.close();
  }

  #check(message: Message): TypedMessage<Params, Data> | undefined {
    if (this.#typed.has(message)) return this.#typed.get(message);
    const result = resultOf(this.#schema, message);
    const typed =
      result.issues === undefined
        ? new TypedMessage(message, this.params, result.value as Data)
        : undefined;
    this.#typed.set(message, typed);
    if (result.issues !== undefined) {
      const problem = mismatch(result.issues);
      for (const listener of this.#malformed) listener({ message, problem });
    }
    return typed;
  }
}

/** A schema that throws counts as one that does not match: a message must not end a loop. */
function resultOf(schema: StandardSchema, message: Message): SchemaResult<unknown> {
  const { problem } = message;
  if (problem !== undefined) return { issues: [problem] };
  try {
    return validated(schema, message.data);
  } catch (error) {
    return { issues: [{ message: error instanceof Error ? error.message : String(error) }] };
  }
}

/** Synchronous, so that messages keep their order. */
function validated(schema: StandardSchema, data: unknown): SchemaResult<unknown> {
  const result = schema["~standard"].validate(data);
  if (!("then" in result)) return result;
  result.catch(() => undefined);
  throw new ShardcastError("SHARDCAST_OPTION_INVALID", "the schema of a topic must be synchronous");
}

function mismatch(issues: readonly SchemaIssue[]): ShardcastError {
  const [issue = { message: "it does not match" }] = issues;
  const keys = (issue.path ?? []).map((part) => (typeof part === "object" ? part.key : part));
  const place = keys.length === 0 ? "the data" : `/${keys.map(String).join("/")}`;
  return new ShardcastError("SHARDCAST_SCHEMA_MISMATCH", `${place}: ${issue.message}`, {
    cause: issues,
  });
}

const PARAM = /^:[A-Za-z_][A-Za-z0-9_]*$/;

/** Replaces the parameters of a name. */
function topicOf(name: string, params: Readonly<Record<string, string>>): string {
  const segments = name.split("/").map((segment) => {
    if (!segment.startsWith(":")) return segment;
    const param = segment.slice(1);
    const value: unknown = Object.hasOwn(params, param) ? params[param] : undefined;
    if (typeof value === "string" && value !== "" && !value.includes("/")) return value;
    throw invalid(`the parameter ${param} must be a text without "/"`);
  });
  const topic = segments.join("/");
  const fault = topicFault(topic);
  if (fault !== undefined) throw new ShardcastError(fault);
  return topic;
}

function invalid(detail: string): ShardcastError {
  return new ShardcastError("SHARDCAST_TOPIC_INVALID", detail);
}

function checkName(name: string): void {
  const params = name.split("/").filter((segment) => segment.startsWith(":"));
  const isValid =
    topicFault(name) === undefined &&
    params.every((param) => PARAM.test(param)) &&
    new Set(params).size === params.length;
  if (isValid) return;
  const detail = `the topic ${JSON.stringify(name)} must be a valid topic with different parameters like :room`;
  throw new ShardcastError("SHARDCAST_OPTION_INVALID", detail);
}
