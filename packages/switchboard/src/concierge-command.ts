// The command shardcast-concierge: the stand-in for the back end, by hand.
import { createInterface } from "node:readline";
import { Concierge } from "./concierge.ts";

const PORT = 5556;
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
  const { env } = process;
  const secret = env["CONCIERGE_POSTBACK_SECRET_KEY"] ?? "";
  if (process.argv.includes("--help") || secret === "") {
    process.stdout.write(HELP);
    process.exitCode = secret === "" && !process.argv.includes("--help") ? 1 : 0;
    return;
  }
  const concierge = await Concierge.listen({
    port: Number(env["CONCIERGE_PORT"] ?? PORT),
    secret,
    switchboardUrl: env["SWITCHBOARD_URL"] ?? SWITCHBOARD_URL,
  });
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
