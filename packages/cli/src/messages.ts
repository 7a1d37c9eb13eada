// `shardcast messages`: prints stored messages of a topic, page by page, without waiting for new ones.
import type { Client, Message } from "@shardcast/client";
import { optionInvalid, text, whole, type Values } from "@shardcast/options";
import { formatPosition, parseFrom, type From } from "@shardcast/protocol";
import { CLIENT_OPTIONS, connectClient } from "./client-options.ts";
import { command } from "./command.ts";
import { JSON_OPTION } from "./json-option.ts";
import { describeGap, messageJson } from "./message-output.ts";
import { printable } from "./printable.ts";
import { formatRow, print, printLine } from "./table.ts";

/** Maximum number of messages to hold at once. */
const PAGE = 1000;
/** Columns: a time, and a position with an offset of five digits. */
const WIDTHS = [24, 22];

const POSITIONALS = { topic: text("topic", { isRequired: true, help: "The topic" }) };

const OPTIONS = {
  ...CLIENT_OPTIONS,
  from: text(
    "from",
    {
      shownDefault: "the newest",
      help: "Where to start: earliest, last:<count>, since:<Unix-ms> or a position",
    },
    startOf,
  ),
  limit: whole("limit", { default: 100, min: 1, help: "Print at most this many messages" }),
  isJson: JSON_OPTION,
};

type MessagesValues = Values<typeof POSITIONALS & typeof OPTIONS>;

export const messagesCommand = command({
  command: "messages <topic>",
  describe: "Print stored messages of a topic",
  positionals: POSITIONALS,
  options: OPTIONS,
  run: messages,
});

async function messages(values: MessagesValues): Promise<void> {
  const client = await connectClient(values);
  try {
    const last = await printMessages(client, values);
    if (last !== undefined) process.stderr.write(`more messages: --from ${last}\n`);
  } finally {
    client.close();
  }
}

/** @returns the last printed position if there are more messages */
async function printMessages(
  client: Client,
  { topic, from, limit, isJson }: MessagesValues,
): Promise<string | undefined> {
  let after = await startPosition(client, topic, from ?? { type: "last", count: limit });
  for (let left = limit; left > 0;) {
    const page = await client.history(topic, { after, limit: Math.min(left, PAGE) });
    for (const gap of page.gaps) {
      process.stderr.write(`${printable(topic)}: ${describeGap(gap)}\n`);
    }
    for (const message of page.messages) {
      if (isJson) await print(messageJson(message));
      else {
        if (left === limit) await printLine(formatRow(["TIME", "POSITION", "MESSAGE"], WIDTHS));
        await printLine(rowOf(message));
      }
      left -= 1;
      after = message.position;
    }
    if (page.isEnd || page.messages.length === 0) return undefined;
  }
  return after;
}

/** Returns the position after which the messages begin. */
async function startPosition(client: Client, topic: string, from: From): Promise<string> {
  // An unavailable position stays as it is, so that its gap is reported.
  if (from.type === "position") return formatPosition(from.position);
  const { position } = await client.readPage(topic, from, 1);
  return formatPosition(position);
}

function rowOf(message: Message): string {
  const { time, position, data, bytes } = message;
  const content = data instanceof Uint8Array ? `(${bytes.length} bytes)` : message.text();
  return formatRow([new Date(time).toISOString(), position, printable(content)], WIDTHS);
}

function startOf(given: string, label: string): From {
  const from = parseFrom(given);
  if (from.type !== "live") return from;
  throw optionInvalid(`${label} live: to wait for new messages, run: shardcast subscribe`);
}
