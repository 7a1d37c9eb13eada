// `shardcast publish`: stores messages in a topic and prints their positions.
import type { Client, Published } from "@shardcast/client";
import { formatPosition } from "@shardcast/protocol";
import { optionInvalid, text } from "@shardcast/server";
import type { Argv, CommandModule } from "yargs";
import { CLIENT_OPTIONS, connectClient, texts } from "./client-options.ts";
import { linesOf } from "./lines.ts";

/** Maximum number of unanswered publishes. At the limit no further lines are read. */
const WINDOW_MESSAGES = 1000;

export const publishCommand: CommandModule = {
  command: "publish <topic> [message..]",
  describe: "Publish messages, and print the position of each",
  builder: (argv: Argv) =>
    argv
      .positional("topic", { type: "string", describe: "The topic" })
      .positional("message", {
        type: "string",
        array: true,
        describe: "Each argument is a message; without arguments, each line of stdin is one",
      })
      .options(CLIENT_OPTIONS)
      .option("id", {
        type: "string",
        requiresArg: true,
        describe: "Message id, for a single message: a repeated id is stored once",
      }),
  handler: publish,
};

async function publish(raw: Readonly<Record<string, unknown>>): Promise<void> {
  const topic = text(raw, "topic");
  const messages = texts(raw, "message");
  const messageId = raw["id"] === undefined ? undefined : text(raw, "id");
  if (messageId !== undefined && messages.length !== 1)
    throw optionInvalid("--id requires exactly one message");
  const client = await connectClient(raw);
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
