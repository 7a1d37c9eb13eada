// `shardcast subscribe`: prints the messages of topics as they arrive.
import { once } from "node:events";
import { switchOf } from "@shardcast/process";
import type { Client, Gap, Message } from "@shardcast/client";
import { parseFrom, type From } from "@shardcast/protocol";
import { text, wholeNumber } from "@shardcast/server";
import type { Argv, CommandModule } from "yargs";
import { CLIENT_OPTIONS, connectClient, texts } from "./client-options.ts";
import { printable } from "./printable.ts";

export const subscribeCommand: CommandModule = {
  command: "subscribe <topic..>",
  describe: "Print the messages of topics as they arrive",
  builder: (argv: Argv) =>
    argv
      .positional("topic", { type: "string", array: true, describe: "The topics" })
      .options(CLIENT_OPTIONS)
      .options({
        from: {
          type: "string",
          default: "live",
          requiresArg: true,
          describe: "live, earliest, last:<count>, since:<ms since 1970> or a position",
        },
        count: { type: "number", requiresArg: true, describe: "End after this many messages" },
        json: { type: "boolean", default: false, describe: "Print each message as a JSON object" },
      }),
  handler: subscribe,
};

type Format = (message: Message) => string | Uint8Array;

async function subscribe(raw: Readonly<Record<string, unknown>>): Promise<void> {
  const topics = [...new Set(texts(raw, "topic"))];
  const from = parseFrom(text(raw, "from"));
  const count =
    raw["count"] === undefined ? Infinity : wholeNumber(raw, "count", 1, Number.MAX_SAFE_INTEGER);
  const client = await connectClient(raw);
  const stop = (): void => client.close();
  process.on("SIGINT", stop).on("SIGTERM", stop);
  try {
    const printer = new Printer(formatOf(switchOf(raw, "json"), topics.length > 1), count);
    await Promise.all(topics.map((topic) => follow(client, { topic, from }, printer)));
  } finally {
    client.close();
    process.off("SIGINT", stop).off("SIGTERM", stop);
  }
}

async function follow(
  client: Client,
  { topic, from }: { topic: string; from: From },
  printer: Printer,
): Promise<void> {
  const subscription = client.subscribe(topic, { from });
  subscription.on("gap", (gap) =>
    process.stderr.write(`${printable(topic)}: ${describeGap(gap)}\n`),
  );
  for await (const message of subscription) {
    await printer.print(message);
    if (printer.isDone) client.close();
  }
}

/** Prints a limited number of messages, as fast as the output accepts them. */
class Printer {
  readonly #format: Format;
  #left: number;

  constructor(format: Format, count: number) {
    this.#format = format;
    this.#left = count;
  }

  get isDone(): boolean {
    return this.#left === 0;
  }

  async print(message: Message): Promise<void> {
    if (this.isDone) return;
    this.#left -= 1;
    const { stdout } = process;
    stdout.cork();
    stdout.write(this.#format(message));
    const hasRoom = stdout.write("\n");
    stdout.uncork();
    if (!hasRoom) await once(stdout, "drain");
  }
}

/** A pipe gets payloads unchanged. For a terminal, control characters are replaced. */
function formatOf(isJson: boolean, isTopicShown: boolean): Format {
  if (isJson) return (message) => JSON.stringify(fieldsOf(message));
  const { isTTY } = process.stdout;
  if (isTopicShown) {
    return (message) => {
      const line = `${message.topic}\t${message.text()}`;
      return isTTY ? printable(line) : line;
    };
  }
  return (message) => (isTTY ? printable(message.text()) : message.bytes);
}

function fieldsOf(message: Message): Record<string, unknown> {
  const { topic, position, time, messageId, attributes } = message;
  return { topic, position, time, messageId, attributes, ...dataOf(message) };
}

function dataOf({ data }: Message): Record<string, unknown> {
  if (!(data instanceof Uint8Array)) return { data };
  return { base64: Buffer.from(data).toString("base64") };
}

function describeGap({ first, last, isNewEpoch, code }: Gap): string {
  if (isNewEpoch)
    return "the topic's log started over; the remaining messages of the old log are lost";
  const state = code === "SHARDCAST_MESSAGES_DAMAGED" ? "damaged" : "gone";
  return `messages ${first} to ${last} are ${state}`;
}
