// Two-way traffic on one topic: publishes lines as messages, and shows messages as lines.
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

/** With this many publishes in flight, no more lines are read. */
const WINDOW_MESSAGES = 1000;
/**
 * How long a pipe waits for the topic's owner before it publishes, and for its last message to
 * return, in ms.
 */
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
  /** The prefix of this process's message ids, by which it recognises its own messages. */
  readonly #idPrefix = `${randomUUID()}-`;
  #count = 0;
  #failedCount = 0;
  /** Resolves when all lines so far are answered. */
  #lastStored: Promise<Published | undefined> = Promise.resolve(undefined);
  #fault: ShardcastError | undefined;

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
   * Runs until the input ends and each line is answered.
   * @returns the number of lines that could not be stored
   * @throws the error that ended the subscription or the client
   */
  async run(): Promise<number> {
    const { client, screen } = this.#options;
    if (!screen.isTerminal) await this.#subscribed();
    for await (const line of screen.lines()) {
      // An empty line is a mistake in a terminal, but data in a file.
      if (line === "" && screen.isTerminal) continue;
      this.#publish(line);
      if (client.unanswered >= WINDOW_MESSAGES) await this.#lastStored;
    }
    const last = await this.#lastStored;
    if (!screen.isTerminal && last !== undefined) await this.#cameTo(last);
    if (this.#fault !== undefined) throw this.#fault;
    return this.#failedCount;
  }

  /** Stops reading lines. */
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
    // If the whole conversation has failed, the error is reported once, when it ends.
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
    // Own lines are on the screen already, so only their acks are shown.
    else if (!message.messageId?.startsWith(this.#idPrefix)) {
      screen.message(`#${message.offset} ${line}`);
    }
  }

  /** Resolves when the subscription has started, so that all later publishes come back. */
  async #subscribed(): Promise<void> {
    const isInTime = await within(PIPE_WAIT_MS, this.#subscription.ready);
    if (isInTime) return;
    throw new ShardcastError("SHARDCAST_OWNER_UNAVAILABLE");
  }

  /** Resolves when the subscription has reached a position, or after PIPE_WAIT_MS. */
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

/** Whether the work was done in time. */
async function within(limitMs: number, work: Promise<void>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), limitMs);
  });
  const isInTime = await Promise.race([work.then(() => true), limit]);
  clearTimeout(timer);
  return isInTime;
}
