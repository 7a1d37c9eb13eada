// What `npm run TOPIC` can be told. Whatever cannot be used is an error before anything is dialled.
import { join } from "node:path";
import { readSecretFile } from "@shardcast/process";
import {
  ShardcastError,
  contentFault,
  parseFrom,
  topicFault,
  type From,
} from "@shardcast/protocol";
import yargs from "yargs";

const HELP_COLUMNS = 100;
const USUAL_KEY_FILE = join("data", "psk");
const PRODUCERS = ["ws://127.0.0.1:9000", "ws://127.0.0.1:9001"];
const CONSUMERS = ["ws://127.0.0.1:9100", "ws://127.0.0.1:9101"];

export interface DemoOptions {
  readonly topic: string;
  readonly producers: readonly string[];
  readonly consumers: readonly string[];
  readonly psk: string;
  readonly from: From;
  /** What others see in front of each line. */
  readonly name: string | undefined;
}

/**
 * @returns undefined where only the help was asked for
 * @throws SHARDCAST_OPTION_INVALID, SHARDCAST_KEY_MISSING, SHARDCAST_TOPIC_INVALID and the like
 */
export function readOptions(
  argv: readonly string[],
  env: NodeJS.ProcessEnv,
): DemoOptions | undefined {
  // yargs would lose what stands behind it.
  if (argv.includes("--")) throw invalid("unknown argument: --");
  const raw = parse(argv);
  if (raw["help"] === true) return undefined;
  const topic = one("topic", raw["topic"]);
  const name = raw["name"];
  const fault = topicFault(topic);
  if (fault !== undefined) throw new ShardcastError(fault);
  return {
    topic,
    producers: urlsOf(raw["producer"]) ?? PRODUCERS,
    consumers: urlsOf(raw["consumer"]) ?? CONSUMERS,
    from: parseFrom(one("from", raw["from"])),
    name: name === undefined ? undefined : nameOf(name),
    psk: keyOf(raw, env),
  };
}

function parse(argv: readonly string[]): Readonly<Record<string, unknown>> {
  return yargs([...argv])
    .scriptName("npm run TOPIC --")
    .usage(
      "$0 [topic] [options]\n\nPublishes each line typed to a topic, and shows the topic's messages.",
    )
    .command("$0 [topic]", false, (command) =>
      command.positional("topic", { type: "string", default: "topic0", describe: "The topic" }),
    )
    .options({
      producer: {
        ...TEXT,
        defaultDescription: PRODUCERS.join(","),
        describe: "Producer nodes to publish to; repeat it, or separate them by commas",
      },
      consumer: {
        ...TEXT,
        defaultDescription: CONSUMERS.join(","),
        describe: "Consumer nodes to subscribe at, likewise",
      },
      psk: { ...TEXT, describe: "The pre-shared key (or PSK)" },
      "psk-file": {
        ...TEXT,
        defaultDescription: USUAL_KEY_FILE,
        describe: "File with the pre-shared key; npm start makes it",
      },
      from: {
        ...TEXT,
        default: "live",
        describe: "live, earliest, last:<count>, since:<ms since 1970> or a position",
      },
      name: { ...TEXT, describe: "What others see in front of your lines" },
    })
    .strict()
    .locale("en")
    .wrap(process.stdout.isTTY ? Math.min(HELP_COLUMNS, process.stdout.columns) : HELP_COLUMNS)
    .version(false)
    .exitProcess(false)
    .fail((message: string | undefined, error: unknown) => {
      if (error instanceof Error) throw error;
      throw invalid(inOneLine(message ?? "unusable options"));
    })
    .parseSync();
}

/** yargs explains a wrong value in several. */
function inOneLine(text: string): string {
  return text
    .split(/\s*\n\s*/)
    .join(" ")
    .trim();
}

const TEXT = { type: "string", requiresArg: true } as const;

/** An option that stands several times is a list, whatever its type says. */
function urlsOf(value: unknown): string[] | undefined {
  if (value === undefined) return undefined;
  const urls = [value]
    .flat()
    .flatMap((list) => (typeof list === "string" ? list.split(",") : []))
    .map((url) => url.trim())
    .filter((url) => url !== "");
  return urls.length === 0 ? undefined : urls;
}

function keyOf(raw: Readonly<Record<string, unknown>>, { PSK }: NodeJS.ProcessEnv): string {
  if (raw["psk"] !== undefined) return one("psk", raw["psk"]);
  if (raw["psk-file"] !== undefined) return readKey(one("psk-file", raw["psk-file"]));
  return PSK === undefined || PSK === "" ? readKey(USUAL_KEY_FILE) : PSK;
}

function readKey(file: string): string {
  try {
    return readSecretFile("the key file", file)[0];
  } catch (error) {
    if (!(error instanceof ShardcastError) || error.code !== "SHARDCAST_KEY_MISSING") throw error;
    const detail = `${error.message}: npm start makes it, or give --psk`;
    throw new ShardcastError(error.code, detail, { cause: error });
  }
}

/** It travels as an attribute, and keeps to the rules of these. */
function nameOf(value: unknown): string {
  const name = one("name", value);
  if (contentFault({ attributes: { name }, payload: new Uint8Array() }) === undefined) return name;
  throw invalid("name is up to 255 bytes of text, without control characters");
}

function one(name: string, value: unknown): string {
  if (typeof value === "string" && value !== "") return value;
  throw invalid(`${name} needs one value`);
}

function invalid(detail: string): ShardcastError {
  return new ShardcastError("SHARDCAST_OPTION_INVALID", detail);
}
