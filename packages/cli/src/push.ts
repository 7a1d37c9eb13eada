// `shardcast push`: lists the push subscriptions. docs/push.md
import type { Values } from "@shardcast/options";
import { command } from "./command.ts";
import { JSON_OPTION } from "./json-option.ts";
import { accessOptions, bearerOf, describeNode, requestJson } from "./node-api.ts";
import { printableJson } from "./printable.ts";
import { print, printTable } from "./table.ts";

const GRANTS = [{ topics: ["*"], allow: ["monitor"] }] as const;
const OPTIONS = { ...accessOptions("admin-key"), isJson: JSON_OPTION };

interface PushSubscription {
  readonly name: string;
  readonly source: string;
  readonly url: string;
  readonly topics: readonly string[];
  readonly enabled: boolean;
  /** Why the node has disabled it. */
  readonly disabled?: string;
}

export const pushCommand = command({
  command: "push",
  describe: "List the push subscriptions",
  positionals: {},
  options: OPTIONS,
  run: push,
});

async function push(values: Values<typeof OPTIONS>): Promise<void> {
  const bearer = await bearerOf(values, GRANTS);
  const { consumers } = await describeNode(values.url);
  // Every consumer knows all subscriptions.
  const { subscriptions } = (await requestJson(consumers[0]?.url ?? values.url, "/push", {
    bearer,
  })) as { readonly subscriptions: readonly PushSubscription[] };
  if (values.isJson) {
    for (const subscription of subscriptions) await print(printableJson(subscription));
    return;
  }
  const rows = subscriptions.map((subscription) => [
    subscription.name,
    stateOf(subscription),
    subscription.source,
    subscription.topics.join(","),
    subscription.url,
  ]);
  await printTable(["NAME", "STATE", "SOURCE", "TOPICS", "URL"], rows);
}

function stateOf({ enabled, disabled }: PushSubscription): string {
  return enabled && disabled === undefined ? "enabled" : "disabled";
}
