// `shardcast presence`: lists the members that are present on a topic.
import { text, type Values } from "@shardcast/options";
import { CLIENT_OPTIONS, connectClient } from "./client-options.ts";
import { command } from "./command.ts";
import { JSON_OPTION } from "./json-option.ts";
import { printableJson } from "./printable.ts";
import { print, printTable } from "./table.ts";

const POSITIONALS = { topic: text("topic", { isRequired: true, help: "The topic" }) };
const OPTIONS = { ...CLIENT_OPTIONS, isJson: JSON_OPTION };

export const presenceCommand = command({
  command: "presence <topic>",
  describe: "List the members that are present on a topic",
  positionals: POSITIONALS,
  options: OPTIONS,
  run: presence,
});

async function presence(values: Values<typeof POSITIONALS & typeof OPTIONS>): Promise<void> {
  const client = await connectClient(values);
  try {
    const present = client.presence(values.topic);
    await present.ready;
    const { members } = present;
    if (values.isJson) for (const member of members) await print(printableJson(member));
    else {
      const rows = members.map(({ memberId, user, info }) => [memberId, user, info]);
      await printTable(["MEMBER", "USER", "INFO"], rows);
    }
  } finally {
    client.close();
  }
}
