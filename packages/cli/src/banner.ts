// The text that `shardcast up` prints when the cluster is ready: commands to try, addresses and files.
import { join } from "node:path";
import { isInCheckout } from "./checkout.ts";
import { CLIENT_OPTIONS } from "./client-options.ts";
import type { LocalClusterOptions, ClusterPlan } from "./cluster-plan.ts";

const DEMO_DEFAULTS: Readonly<Record<string, string>> = {
  "--producer": "ws://127.0.0.1:9000,ws://127.0.0.1:9001",
  "--consumer": "ws://127.0.0.1:9100,ws://127.0.0.1:9101",
  "--psk-file": join("data", "psk"),
};

export function banner(plan: ClusterPlan, options: LocalClusterOptions): string {
  const { producers, consumers } = plan;
  const urls = (specs: ClusterPlan["producers"]): string => specs.map(({ url }) => url).join("  ");
  const http = (spec: { readonly url: string } | undefined): string =>
    (spec?.url ?? "").replace(/^ws/, "http");
  return [
    "",
    ...hint(plan, options),
    "",
    `producers  ${urls(producers)}`,
    `consumers  ${urls(consumers)}`,
    `key        ${options.keyFile ?? "from PSK"}`,
    `messages   ${messagesPlace(options)}`,
    `logs       ${join(options.logFolder, "*.log")}`,
    `cluster    ${http(consumers[0])}/cluster`,
    `metrics    ${http(consumers[0])}/metrics, and the same path on every node`,
    "",
    "Ctrl-C stops it.",
  ].join("\n");
}

function messagesPlace({ log, dataFolder }: LocalClusterOptions): string {
  if (log === "redis") return "in Redis";
  return log === "lmdb" ? join(dataFolder, "c*") : "in memory";
}

function hint(plan: ClusterPlan, options: LocalClusterOptions): string[] {
  if (isInCheckout()) {
    const first = "Ready. Try it: run this in two other terminals, and type.";
    return [first, "", `  ${demoCommand(plan, options)}`];
  }
  const commands = ["subscribe", "publish"].map(
    (name) => `  ${clientCommand(name, plan, options)}`,
  );
  return [
    "Ready. Try it: run these in two other terminals, and type in the second.",
    "",
    ...commands,
  ];
}

/** Returns the command with the options that differ from its defaults. */
function clientCommand(
  name: string,
  { consumers }: ClusterPlan,
  { keyFile }: LocalClusterOptions,
): string {
  const url = consumers[0]?.url.replace(/^ws/, "http") ?? "";
  const urlOption = url === CLIENT_OPTIONS.url.default ? "" : ` --url ${url}`;
  const isKnown = keyFile === undefined || keyFile === CLIENT_OPTIONS.pskFile.shownDefault;
  const keyOption = isKnown ? "" : ` --psk-file ${keyFile}`;
  return `${keyFile === undefined ? "PSK=… " : ""}shardcast ${name} news${urlOption}${keyOption}`;
}

/** Returns the demo's command with the options that differ from its defaults. */
function demoCommand(
  { producers, consumers }: ClusterPlan,
  { keyFile }: LocalClusterOptions,
): string {
  const listOf = (specs: ClusterPlan["producers"]): string => specs.map(({ url }) => url).join(",");
  const lists = { "--producer": listOf(producers), "--consumer": listOf(consumers) };
  const options = Object.entries(lists)
    .filter(([name, list]) => list !== DEMO_DEFAULTS[name])
    .map(([name, list]) => ` ${name} ${list}`);
  const key = keyFile === undefined || keyFile === DEMO_DEFAULTS["--psk-file"];
  const keyOption = key ? "" : ` --psk-file ${keyFile}`;
  return `${keyFile === undefined ? "PSK=… " : ""}npm run TOPIC -- news${options.join("")}${keyOption}`;
}
