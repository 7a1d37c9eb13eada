// `shardcast subscribe`: prints the messages of topics as they arrive.
import { once } from "node:events";
import type { Client, Message } from "@shardcast/client";
import { FROM_OPTION, onOff, texts, whole, type Values } from "@shardcast/options";
import type { From } from "@shardcast/protocol";
import { CLIENT_OPTIONS, connectClient } from "./client-options.ts";
import { command } from "./command.ts";
import { describeGap, messageJson } from "./message-output.ts";
import { printable } from "./printable.ts";

const POSITIONALS = {
  topics: texts("topic", { help: "The topics" }),
};

const OPTIONS = {
  ...CLIENT_OPTIONS,
  from: FROM_OPTION,
  count: whole("count", { min: 1, help: "End after this many messages" }),
  isJson: onOff("json", { help: "Print each message as a JSON object" }),
};

export const subscribeCommand = command({
  command: "subscribe <topic..>",
  describe: "Print the messages of topics as they arrive",
  positionals: POSITIONALS,
  options: OPTIONS,
  run: subscribe,
});

type Format = (message: Message) => string | Uint8Array;

async function subscribe(values: Values<typeof POSITIONALS & typeof OPTIONS>): Promise<void> {
  const topics = [...new Set(values.topics)];
  const { from, count = Infinity, isJson } = values;
  const client = await connectClient(values);
  const stop = (): void => client.close();
  process.on("SIGINT", stop).on("SIGTERM", stop);
  try {
    const printer = new Printer(formatOf(isJson, topics.length > 1), count);
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
  if (isJson) return (message) => messageJson(message);
  const { isTTY } = process.stdout;
  if (isTopicShown) {
    return (message) => {
      const line = `${message.topic}\t${message.text()}`;
      return isTTY ? printable(line) : line;
    };
  }
  return (message) => (isTTY ? printable(message.text()) : message.bytes);
}
