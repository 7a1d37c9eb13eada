// `shardcast explain`: tells whether a client may do something, and why. docs/http.md#administrators
import { choice, optionInvalid, text, type Values } from "@shardcast/options";
import { command } from "./command.ts";
import { JSON_OPTION } from "./json-option.ts";
import { accessOptions, bearerOf, describeNode, requestJson, httpAddress } from "./node-api.ts";
import { printable, printableJson } from "./printable.ts";
import { print, printTable } from "./table.ts";

const GRANTS = [{ topics: ["*"], allow: ["monitor"] }] as const;

const POSITIONALS = {
  action: choice("action", ["publish", "subscribe", "history", "presence"], {
    isRequired: true,
    help: "What the client does: publish, subscribe, history or presence",
  }),
  topic: text("topic", { isRequired: true, help: "With which topic" }),
};

const OPTIONS = {
  ...accessOptions("admin-key"),
  clientToken: text("for-token", { help: "The client's token; without it, an anonymous client" }),
  clientUser: text("for-user", { help: "Instead of a token: a user who is connected" }),
  isJson: JSON_OPTION,
};

type ExplainValues = Values<typeof POSITIONALS & typeof OPTIONS>;

interface Explanation {
  readonly allowed: boolean;
  readonly code?: string;
  readonly checks: readonly {
    readonly rule: string;
    readonly passed: boolean;
    readonly code?: string;
    readonly detail: string;
  }[];
  readonly route: readonly string[];
}

export const explainCommand = command({
  command: "explain <action> <topic>",
  describe: "Show whether a client may do something, and why; exit with 1 if not",
  positionals: POSITIONALS,
  options: OPTIONS,
  run: explain,
});

async function explain(values: ExplainValues): Promise<void> {
  const explanation = await explanationOf(values);
  const { allowed, code, checks, route } = explanation;
  if (!allowed) process.exitCode = 1;
  if (values.isJson) {
    await print(printableJson(explanation));
    return;
  }
  await print(allowed ? "allowed" : `refused: ${printable(code ?? "")}`);
  await printTable(
    ["RULE", "RESULT", "DETAIL"],
    checks.map(({ rule, passed, detail }) => [rule, passed ? "passed" : "failed", detail]),
  );
  if (route.length > 0) await print(`route: ${route.map(printable).join(" -> ")}`);
}

/** A user's permissions are known only to a node that the user is connected to. */
async function explanationOf(values: ExplainValues): Promise<Explanation> {
  const { action, topic, clientToken, clientUser } = values;
  if (clientToken !== undefined && clientUser !== undefined) {
    throw optionInvalid("give either --for-token or --for-user");
  }
  const bearer = await bearerOf(values, GRANTS);
  const client = clientUser === undefined ? { token: clientToken ?? "" } : { user: clientUser };
  const body = { ...client, action, topic };
  const ask = async (url: string): Promise<Explanation> =>
    (await requestJson(url, "/explain", { bearer, body })) as Explanation;
  const first = httpAddress(values.url);
  let explanation = await ask(first);
  if (clientUser === undefined) return explanation;
  const { consumers } = await describeNode(values.url);
  for (const { url } of consumers) {
    if (explanation.checks[0]?.code !== "SHARDCAST_NOT_FOUND") break;
    if (url !== first) explanation = await ask(url);
  }
  return explanation;
}
