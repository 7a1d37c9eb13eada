// `shardcast publish`: stores messages in a topic and prints their positions.
import type { Client, PublishOptions, Published } from "@shardcast/client";
import { optionInvalid, repeated, text, texts, type Values } from "@shardcast/options";
import { CONTENT_TYPE, ShardcastError, formatPosition, type Attributes } from "@shardcast/protocol";
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
  attributes: repeated(
    "attribute",
    { help: "An attribute of each message: <name>=<value>; may be repeated" },
    attributeOf,
  ),
  contentType: text("content-type", {
    help: "Content type of each message, such as application/json",
  }),
};

type PublishValues = Values<typeof POSITIONALS & typeof OPTIONS>;

export const publishCommand = command({
  command: "publish <topic> [message..]",
  describe: "Publish messages, and print the position of each",
  positionals: POSITIONALS,
  options: OPTIONS,
  run: publish,
});

async function publish(values: PublishValues): Promise<void> {
  const { topic, messages, messageId } = values;
  if (messageId !== undefined && messages.length !== 1)
    throw optionInvalid("--id is for one message");
  const options = { messageId, attributes: attributesOf(values) };
  const client = await connectClient(values);
  try {
    if (messages.length === 0) await publishLines(client, topic, options);
    for (const message of messages) print(await client.publish(topic, message, options));
  } finally {
    client.close();
  }
}

function attributeOf(text: string): readonly [name: string, value: string] {
  const at = text.indexOf("=");
  if (at > 0) return [text.slice(0, at), text.slice(at + 1)];
  throw attributesInvalid(`--attribute ${text}: it must be <name>=<value>`);
}

function attributesOf({ attributes, contentType }: PublishValues): Attributes {
  const all = contentType === undefined ? [] : [[CONTENT_TYPE, contentType] as const];
  // No prototype, because an attribute may be named __proto__.
  const byName = Object.create(null) as Record<string, string>;
  for (const [name, value] of [...all, ...attributes]) {
    if (name in byName) throw attributesInvalid(`the attribute ${name} is given twice`);
    byName[name] = value;
  }
  return byName;
}

function attributesInvalid(detail: string): ShardcastError {
  return new ShardcastError("SHARDCAST_ATTRIBUTES_INVALID", detail);
}

/** Publishes lines concurrently. Prints each position when it and all earlier ones are known. */
async function publishLines(client: Client, topic: string, options: PublishOptions): Promise<void> {
  const { stdin } = process;
  let last = Promise.resolve();
  let fault: unknown;
  const failed = (error: unknown): void => {
    fault ??= error;
    // Stop reading, so that the writer of stdin notices the end.
    stdin.destroy();
  };
  for await (const line of linesOf(stdin)) {
    const published = client.publish(topic, line, options);
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
