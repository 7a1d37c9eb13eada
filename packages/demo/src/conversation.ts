// Two-way traffic on one topic: lines go out as messages, messages come in as lines.
import { randomUUID } from "node:crypto";
import {
  ShardcastError,
  type Client,
  type Gap,
  type From,
  type Message,
  type Published,
  type Subscription,
} from "@shardcast/client";
import { parsePosition } from "@shardcast/protocol";
import { printable } from "./printable.ts";
import type { Screen } from "./screen.ts";

/** Publishes without an answer, beyond which no more lines are read. */
const WINDOW_MESSAGES = 1000;
/** How long a pipe waits for the topic's owner before it publishes, and for its last message to come back. */
const PIPE_WAIT_MS = 10_000;
const SHOWN_UNITS = 40;
const NAME_ATTRIBUTE = "name";

export interface ConversationOptions {
  readonly client: Client;
  readonly screen: Screen;
  readonly topic: string;
  readonly from: From;
  readonly name: string | undefined;
}

export class Conversation {
  readonly #options: ConversationOptions;
  readonly #subscription: Subscription;
  /** In front of this process's message ids: by it a message is known as one's own. */
  readonly #idPrefix = `${randomUUID()}-`;
  #count = 0;
  #failedCount = 0;
  /** Settled when all lines so far have their answer. */
  #lastStored: Promise<Published | undefined> = Promise.resolve(undefined);
  #fault: ShardcastError | undefined;

  /** Subscribes. */
  constructor(options: ConversationOptions) {
    const { client, screen, topic, from } = options;
    this.#options = options;
    this.#subscription = client.subscribe(topic, { from });
    this.#subscription.on("message", (message) => this.#received(message));
    this.#subscription.on("gap", (gap) => screen.status(describeGap(gap)));
    this.#subscription.on("error", (error) => this.#end(error));
    void client.closed.then((error) => {
      if (error !== undefined) this.#end(error);
    });
  }

  /**
   * Goes on until there are no more lines and each has its answer.
   * @returns how many lines could not be stored
   * @throws what ended the subscription or the client
   */
  async run(): Promise<number> {
    const { client, screen } = this.#options;
    if (!screen.isTerminal) await this.#subscribed();
    for await (const line of screen.lines()) {
      // An empty line of a person is a slip, in a file it is data.
      if (line === "" && screen.isTerminal) continue;
      this.#publish(line);
      if (client.unanswered >= WINDOW_MESSAGES) await this.#lastStored;
    }
    const last = await this.#lastStored;
    if (!screen.isTerminal && last !== undefined) await this.#cameTo(last);
    if (this.#fault !== undefined) throw this.#fault;
    return this.#failedCount;
  }

  /** Takes no more lines. */
  leave(): void {
    this.#options.screen.close();
  }

  #publish(line: string): void {
    const { client, screen, topic, name } = this.#options;
    this.#count += 1;
    const published = client
      .publish(topic, line, {
        messageId: `${this.#idPrefix}${this.#count}`,
        attributes: name === undefined ? undefined : { [NAME_ATTRIBUTE]: name },
      })
      .then(
        (position) => {
          if (screen.isTerminal) screen.status(`#${position.offset} stored`);
          return position;
        },
        (error: unknown) => this.#publishFailed(line, error),
      );
    this.#lastStored = Promise.all([this.#lastStored, published]).then(
      ([earlier, position]) => position ?? earlier,
    );
  }

  #publishFailed(line: string, error: unknown): undefined {
    this.#failedCount += 1;
    // One reason for all is told once, by whoever hears of the end.
    if (this.#fault !== undefined) return undefined;
    const reason = error instanceof Error ? error.message : String(error);
    this.#options.screen.status(
      printable(`not stored: "${line.slice(0, SHOWN_UNITS)}": ${reason}`),
    );
    return undefined;
  }

  #received(message: Message): void {
    const { screen } = this.#options;
    const text = printable(message.text());
    const name = message.attributes[NAME_ATTRIBUTE];
    const line = name === undefined ? text : `${printable(name)}: ${text}`;
    if (!screen.isTerminal) screen.message(line);
    // Of one's own line its receipt is enough: the line itself is on the screen.
    else if (!message.messageId?.startsWith(this.#idPrefix)) {
      screen.message(`#${message.offset} ${line}`);
    }
  }

  /** Resolves when the subscription stands: then all that is published from here comes back. */
  async #subscribed(): Promise<void> {
    const isInTime = await within(PIPE_WAIT_MS, this.#subscription.ready);
    if (isInTime) return;
    throw new ShardcastError("SHARDCAST_OWNER_UNAVAILABLE");
  }

  /** Resolves when the subscription has come to that position; after a while, also where it has not. */
  async #cameTo({ epoch, offset }: Published): Promise<void> {
    const isThere = (): boolean => {
      const position = parsePosition(this.#subscription.position ?? "");
      return position?.epoch === epoch && position.offset >= offset;
    };
    if (isThere()) return;
    const came = new Promise<void>((resolve) => {
      const look = (): void => {
        if (isThere()) resolve();
      };
      this.#subscription.on("message", look);
      this.#subscription.on("gap", look);
      this.#subscription.on("closed", resolve);
    });
    if (await within(PIPE_WAIT_MS, came)) return;
    this.#options.screen.status("all is stored, but has not come back yet");
  }

  #end(error: ShardcastError): void {
    this.#fault ??= error;
    this.leave();
  }
}

function describeGap({ first, last, isNewEpoch }: Gap): string {
  if (isNewEpoch) return "gap: the topic began anew, at #1; what was not shown yet is lost";
  return `gap: #${first} to #${last} are gone`;
}

/** Tells whether it was done in time. */
async function within(limitMs: number, work: Promise<void>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), limitMs);
  });
  const isInTime = await Promise.race([work.then(() => true), limit]);
  clearTimeout(timer);
  return isInTime;
}
