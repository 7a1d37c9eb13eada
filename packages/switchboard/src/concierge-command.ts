// The command shardcast-concierge: a stand-in for the back end, for use in a terminal.
import { createInterface } from "node:readline";
import { checkSecret, numberOf } from "@shardcast/options";
import { explain } from "@shardcast/process";
import { ShardcastError } from "@shardcast/client";
import { Concierge, type ConciergeOptions } from "./concierge.ts";

const PORT = "5556";
const SWITCHBOARD_URL = "http://127.0.0.1:5555";
const HELP = `A stand-in for the back end of the switchboard. Its settings are environment variables:

  CONCIERGE_PORT                 port to listen on (${PORT})
  CONCIERGE_POSTBACK_SECRET_KEY  the secret shared with the switchboard
  SWITCHBOARD_URL                the switchboard that gets its answers (${SWITCHBOARD_URL})

It answers the messages of users: buttons, image, markup, or any other text. Commands in its terminal:

  down             answer every request with 503
  up               answer normally again
  <user id> <text> send a text to a user
`;

export async function runConcierge(): Promise<void> {
  const args = process.argv.slice(2);
  if (args.includes("--help")) {
    process.stdout.write(HELP);
    return;
  }
  try {
    await converse(await listen(readOptions(args, process.env)));
  } catch (error) {
    process.stderr.write(`shardcast-concierge: ${explain(error)}\n`);
    process.exitCode = 1;
  }
}

async function listen(options: ConciergeOptions): Promise<Concierge> {
  try {
    return await Concierge.listen(options);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "EADDRINUSE") throw cause;
    const detail = `another process uses port ${options.port}`;
    throw new ShardcastError("SHARDCAST_PORT_TAKEN", detail, { cause });
  }
}

/** @throws SHARDCAST_OPTION_INVALID, SHARDCAST_KEY_MISSING */
function readOptions([unknown]: readonly string[], env: NodeJS.ProcessEnv): ConciergeOptions {
  if (unknown !== undefined) throw invalid(`unknown argument: ${unknown}; see --help`);
  const name = "CONCIERGE_POSTBACK_SECRET_KEY";
  const secret = env[name] ?? "";
  if (secret === "") throw new ShardcastError("SHARDCAST_KEY_MISSING", `${name} is required`);
  return {
    port: numberOf("CONCIERGE_PORT", valueOf(env["CONCIERGE_PORT"], PORT), 0, 65_535),
    secret: checkSecret(name, secret),
    switchboardUrl: urlOf(valueOf(env["SWITCHBOARD_URL"], SWITCHBOARD_URL)),
  };
}

/** An empty variable counts as unset. */
function valueOf(value: string | undefined, usual: string): string {
  return value === undefined || value === "" ? usual : value;
}

function urlOf(url: string): string {
  if (URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)) return url;
  throw invalid(`SWITCHBOARD_URL ${url} is not an http(s) URL`);
}

function invalid(detail: string): ShardcastError {
  return new ShardcastError("SHARDCAST_OPTION_INVALID", detail);
}

async function converse(concierge: Concierge): Promise<void> {
  concierge.onPostback = ({ From, Body }) => print(`${From} ${Body}`);
  print(`listening on ${concierge.url}; try: down, up, <user id> <text>`);
  for await (const line of createInterface({ input: process.stdin })) {
    print(await obey(concierge, line.trim()));
  }
}

async function obey(concierge: Concierge, line: string): Promise<string> {
  if (line === "down" || line === "up") {
    concierge.isDown = line === "down";
    return `is ${line}`;
  }
  const [to = "", ...words] = line.split(" ");
  try {
    return `status ${await concierge.say({ body: words.join(" "), to })}`;
  } catch {
    return "the switchboard does not answer";
  }
}

/** Replaces control characters, so that a user's message cannot control the terminal. */
function print(text: string): void {
  process.stdout.write(`${text.replace(/\p{Cc}/gu, "\ufffd")}\n`);
}
