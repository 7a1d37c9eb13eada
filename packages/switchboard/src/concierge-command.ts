// The command shardcast-concierge: the stand-in for the back end, by hand.
import { createInterface } from "node:readline";
import { checkSecret, explain, numberOf } from "@shardcast/process";
import { ShardcastError } from "@shardcast/client";
import { Concierge, type ConciergeOptions } from "./concierge.ts";

const PORT = "5556";
const SWITCHBOARD_URL = "http://127.0.0.1:5555";
const HELP = `A stand-in for the back end of the switchboard. It is told by the environment:

  CONCIERGE_PORT                 port to listen on (${PORT})
  CONCIERGE_POSTBACK_SECRET_KEY  the secret that it shares with the switchboard
  SWITCHBOARD_URL                where it answers (${SWITCHBOARD_URL})

It answers what users say: buttons, image, markup, or anything else. On its terminal:

  down             answer everything with 503
  up               answer again
  <user id> <text> say something to a user
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
    const detail = `port ${options.port} is taken by another process`;
    throw new ShardcastError("SHARDCAST_PORT_TAKEN", detail, { cause });
  }
}

/** @throws SHARDCAST_OPTION_INVALID, SHARDCAST_KEY_MISSING */
function readOptions([unknown]: readonly string[], env: NodeJS.ProcessEnv): ConciergeOptions {
  if (unknown !== undefined) throw invalid(`unknown argument: ${unknown}; --help tells more`);
  const name = "CONCIERGE_POSTBACK_SECRET_KEY";
  const secret = env[name] ?? "";
  if (secret === "") throw new ShardcastError("SHARDCAST_KEY_MISSING", `${name} is needed`);
  return {
    port: numberOf("CONCIERGE_PORT", valueOf(env["CONCIERGE_PORT"], PORT), 0, 65_535),
    secret: checkSecret(name, secret),
    switchboardUrl: urlOf(valueOf(env["SWITCHBOARD_URL"], SWITCHBOARD_URL)),
  };
}

/** A variable that is empty is as good as none. */
function valueOf(value: string | undefined, usual: string): string {
  return value === undefined || value === "" ? usual : value;
}

function urlOf(url: string): string {
  if (URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)) return url;
  throw invalid(`SWITCHBOARD_URL ${url} is no http(s) URL`);
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

/** What users say comes to a terminal: nothing in it may steer one. */
function print(text: string): void {
  process.stdout.write(`${text.replace(/\p{Cc}/gu, "\ufffd")}\n`);
}
