// `shardcast publish`: stores messages in a topic and prints their positions.
import type { Client, Published } from "@shardcast/client";
import { optionInvalid, text, texts, type Values } from "@shardcast/options";
import { formatPosition } from "@shardcast/protocol";
import { CLIENT_OPTIONS, connectClient } from "./client-options.ts";
import { command } from "./command.ts";
import { linesOf } from "./lines.ts";

/** Maximum number of unanswered publishes. At the limit no further lines are read. */
const WINDOW_MESSAGES = 1000;

const POSITIONALS = {
  topic: text("topic", { isRequired: true, help: "The topic" }),
  messages: texts("message", {
    help: "Each argument is a message; without arguments, each line of stdin is one",
  }),
};

const OPTIONS = {
  ...CLIENT_OPTIONS,
  messageId: text("id", { help: "Message id, for a single message: a repeated id is stored once" }),
};

export const publishCommand = command({
  command: "publish <topic> [message..]",
  describe: "Publish messages, and print the position of each",
  positionals: POSITIONALS,
  options: OPTIONS,
  run: publish,
});

async function publish(values: Values<typeof POSITIONALS & typeof OPTIONS>): Promise<void> {
  const { topic, messages, messageId } = values;
  if (messageId !== undefined && messages.length !== 1)
    throw optionInvalid("--id is for one message");
  const client = await connectClient(values);
  try {
    if (messages.length === 0) await publishLines(client, topic);
    for (const message of messages) print(await client.publish(topic, message, { messageId }));
  } finally {
    client.close();
  }
}

/** Publishes lines concurrently. Prints each position when it and all earlier ones are known. */
async function publishLines(client: Client, topic: string): Promise<void> {
  const { stdin } = process;
  let last = Promise.resolve();
  let fault: unknown;
  const failed = (error: unknown): void => {
    fault ??= error;
    // Stop reading, so that the writer of stdin notices the end.
    stdin.destroy();
  };
  for await (const line of linesOf(stdin)) {
    const published = client.publish(topic, line);
    last = Promise.all([published, last]).then(([position]) => print(position));
    last.catch(failed);
    if (client.unanswered >= WINDOW_MESSAGES) await last.catch(() => undefined);
    if (fault !== undefined) break;
  }
  await last;
}

function print({ epoch, offset, duplicate }: Published): void {
  const position = formatPosition({ epoch, offset });
  process.stdout.write(`${position}${duplicate ? " duplicate" : ""}\n`);
}
