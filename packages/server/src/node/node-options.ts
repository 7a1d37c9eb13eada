// The options that every node has: from the command line, the environment or a file, in this order.
// Whatever cannot be used is told in one line, before anything listens.
import {
  checkNumbers,
  isOutdone,
  namesOf,
  numberOf,
  readJsonFile,
  spellSwitches,
  switchOf,
  type Rivals,
} from "@shardcast/process";
import { ShardcastError } from "@shardcast/protocol";
import { PskKeys } from "@shardcast/protocol/proof";
import yargs, { type Options } from "yargs";
import {
  ACCESS_OPTIONS,
  parseAccessOptions,
  type AccessOptions,
} from "../access/access-options.ts";
import { NODE_ID } from "../cluster/consumer-list.ts";
import { parseConsumerSource, type ConsumerSource } from "../cluster/consumer-source.ts";
import { argumentsOf } from "../options/known-variables.ts";
import { EVENT_KINDS, type EventKind } from "../publish/lifecycle-events.ts";
import { markLiterals, unmarkLiterals } from "../options/literal-arguments.ts";
import { optionInvalid, text, wholeNumber, type RawOptions } from "../options/option-value.ts";
import { TLS_OPTIONS, parseTlsOptions, type TlsOptions } from "../options/tls.ts";
import { readPsk } from "../options/psk-options.ts";

/** A file and the text itself. Other ways to say a key, such as --token-key, add to these. */
const RIVALS: readonly Rivals[] = [
  [["psk", "psk-previous"], ["psk-file"]],
  [["token-secret", "token-secret-previous"], ["token-secret-file"]],
];
const MEBIBYTE = 1024 * 1024;
/** Two of the largest bodies: half of it is for those whose sender is known only when they are there. */
const BODY_BYTES_EACH = 32 * MEBIBYTE;
const DAY_MS = 24 * 60 * 60 * 1000;

/** Options by the name that they have on the command line; yargs reads them and writes the help. */
export const NODE_OPTIONS = {
  host: {
    group: "Node:",
    type: "string",
    default: "127.0.0.1",
    describe: "Address to listen on; 0.0.0.0 or :: listens on every network",
  },
  consumers: {
    group: "Cluster:",
    type: "string",
    describe:
      "All consumers, the same list on every node: c1=ws://host:9100,c2=ws://host:9101 ({1..3} expands to each number); file:<path> of such a list; or dns://<host>:<port>. Not with --redis, where nodes find consumers in Redis",
  },
  psk: { group: "Keys and tokens:", type: "string", describe: "Pre-shared key (or PSK)" },
  "psk-previous": {
    group: "Keys and tokens:",
    type: "string",
    describe: "A second key that is also accepted, for changing keys (or PSK_PREVIOUS)",
  },
  "psk-file": {
    group: "Keys and tokens:",
    type: "string",
    describe: "File with the key on its first line and, optionally, the previous key on its second",
  },
  "handshake-timeout": {
    group: "Limits:",
    type: "number",
    default: 3000,
    describe: "Time limit of a handshake, in ms (or TIMEOUT)",
  },
  "heartbeat-interval": {
    group: "Node:",
    type: "number",
    default: 25_000,
    describe: "Time between heartbeats, in ms",
  },
  "max-payload": {
    group: "Limits:",
    type: "number",
    default: 1024 * 1024,
    describe: "Largest payload, in bytes",
  },
  "max-body-bytes": {
    group: "Limits:",
    type: "number",
    default: 128 * MEBIBYTE,
    describe: "Memory for request bodies that are being read or answered, in bytes",
  },
  "max-body-bytes-each": {
    group: "Limits:",
    type: "number",
    default: BODY_BYTES_EACH,
    describe: "The share of --max-body-bytes that one user, or one address, may use",
  },
  "max-answer-bytes": {
    group: "Limits:",
    type: "number",
    default: 128 * MEBIBYTE,
    describe: "Memory for HTTP responses that clients have not read yet, in bytes",
  },
  "max-answer-bytes-each": {
    group: "Limits:",
    type: "number",
    default: 32 * MEBIBYTE,
    describe: "The share of --max-answer-bytes that one user, or one address, may use",
  },
  "max-unfinished-bytes": {
    group: "Limits:",
    type: "number",
    default: 256 * MEBIBYTE,
    describe: "Memory for incomplete WebSocket messages of more than 64 KiB, in bytes",
  },
  "max-unfinished-bytes-each": {
    group: "Limits:",
    type: "number",
    default: 32 * MEBIBYTE,
    describe: "The share of --max-unfinished-bytes that one user, or one address, may use",
  },
  "max-links": { group: "Limits:", type: "number", default: 100_000, describe: "Links at once" },
  "max-topics": {
    group: "Limits:",
    type: "number",
    default: 1000,
    describe: "Topics that one link may follow",
  },
  window: {
    group: "Limits:",
    type: "number",
    default: 4096,
    describe: "Unacked publishes that one link may have",
  },
  "publish-timeout": {
    group: "Node:",
    type: "number",
    default: 10_000,
    describe: "Time limit of a publish whose sender sets none, in ms",
  },
  "high-water": {
    group: "Limits:",
    type: "number",
    default: 256 * 1024,
    describe: "Pause a link once this many bytes are unsent",
  },
  "drain-timeout": {
    group: "Node:",
    type: "number",
    default: 3000,
    describe: "Time to move clients to other nodes when this node stops, in ms",
  },
  "legacy-protocol": {
    group: "Node:",
    type: "boolean",
    default: false,
    describe: "Speak the original queue's protocol with clients that offer no subprotocol",
  },
  events: {
    group: "Node:",
    type: "string",
    describe:
      "Events to publish on $events/… topics: links, subscriptions, occupancy, separated by commas",
    defaultDescription: "nothing",
  },
  "log-level": {
    group: "Node:",
    type: "string",
    default: "info",
    choices: ["trace", "debug", "info", "warn", "error", "silent"],
    describe: "Least severe level to log",
  },
  ...ACCESS_OPTIONS,
  ...TLS_OPTIONS,
} as const satisfies Record<string, Options>;

/** What every node is started with, parsed and checked. */
export interface NodeOptions {
  readonly id: string;
  readonly host: string;
  readonly port: number;
  readonly consumers: ConsumerSource;
  readonly psk: string;
  readonly keys: PskKeys;
  readonly access: AccessOptions;
  readonly tls: TlsOptions;
  readonly handshakeTimeoutMs: number;
  readonly heartbeatMs: number;
  readonly maxPayloadBytes: number;
  readonly maxBodyBytes: number;
  readonly maxBodyBytesEach: number;
  readonly maxAnswerBytes: number;
  readonly maxAnswerBytesEach: number;
  /** Of WebSocket messages that are not whole: all, and those of one user, or of one address. */
  readonly maxUnfinishedBytes: number;
  readonly maxUnfinishedBytesEach: number;
  readonly maxLinks: number;
  readonly maxTopics: number;
  readonly windowMessages: number;
  readonly publishTimeoutMs: number;
  readonly highWaterBytes: number;
  readonly drainTimeoutMs: number;
  readonly isLegacySpoken: boolean;
  readonly events: readonly EventKind[];
  readonly logLevel: string;
}

export interface OptionsSource {
  readonly argv: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** For the help: what to call the command. */
  readonly scriptName: string;
  readonly description: string;
}

/**
 * Reads options by yargs. `--help` prints the help and ends the process with 0.
 * @throws SHARDCAST_OPTION_INVALID
 */
export function readOptions(
  definitions: Readonly<Record<string, Options>>,
  source: OptionsSource,
): RawOptions {
  const { PORT, TIMEOUT, PSK, PSK_PREVIOUS } = source.env;
  const isSwitch = (name: string): boolean => definitions[name]?.type === "boolean";
  const isNumber = (name: string): boolean => definitions[name]?.type === "number";
  checkNumbers(source.argv, isNumber);
  const given = namesOf(source.argv);
  const args = spellSwitches(markLiterals(source.argv), isSwitch);
  const fromEnv = argumentsOf(source.env, [...Object.keys(definitions), "config"]).filter(
    (arg) => !isOutdone(nameOf(arg), given, RIVALS),
  );
  checkNumbers(fromEnv, isNumber);
  const env = spellSwitches(fromEnv, isSwitch);
  const stronger = new Set([...given, ...namesOf(env)]);
  // The original's names come last: an option or a SHARDCAST_… variable says more.
  const original = withoutOutdone(
    {
      port: PORT,
      "handshake-timeout": TIMEOUT,
      psk: PSK,
      "psk-previous": PSK_PREVIOUS,
    },
    stronger,
  );
  const known = Object.fromEntries(
    Object.entries(definitions).map(([name, option]) => [
      name,
      { ...option, requiresArg: option.type !== "boolean" },
    ]),
  );
  const values = yargs([...env, ...args])
    .scriptName(source.scriptName)
    .usage(`$0 [options]\n\n${source.description}`)
    .options(known)
    .option("config", {
      type: "string",
      describe: "A JSON file with any of these options",
      requiresArg: true,
    })
    .config("config", (file: string) => withoutOutdone(readConfigFile(file, isNumber), stronger))
    .config(withoutUndefined(pickKnown(original, definitions)))
    .middleware(unmarkLiterals, true)
    .strict()
    .parserConfiguration({
      // An option has one name, in the help and in what is said of it.
      "camel-case-expansion": false,
      "dot-notation": false,
      // What stands further on counts: an argument more than the environment.
      "duplicate-arguments-array": false,
    })
    .locale("en")
    .version(false)
    .exitProcess(false)
    .fail((message: string | undefined, error: unknown) => {
      if (error instanceof ShardcastError) throw error;
      const text = message ?? (error instanceof Error ? error.message : "unusable options");
      throw optionInvalid(text.trim().replace(/\s*\n\s*/g, " "));
    })
    .parseSync();
  if ("help" in values && values["help"] === true) process.exit(0);
  return values;
}

/** Checks what all nodes have in common. `id` and `port` come from the role's own options. */
export function parseNodeOptions(raw: RawOptions): NodeOptions {
  const isLegacySpoken = switchOf(raw, "legacy-protocol");
  const [psk, previous] = readPsk(raw, isLegacySpoken);
  return {
    id: idOf(raw),
    host: text(raw, "host"),
    port: wholeNumber(raw, "port", 0, 65_535),
    consumers: consumersOf(raw),
    psk,
    keys: new PskKeys(psk, previous),
    access: parseAccessOptions(raw),
    tls: parseTlsOptions(raw),
    handshakeTimeoutMs: wholeNumber(raw, "handshake-timeout", 1, DAY_MS),
    heartbeatMs: wholeNumber(raw, "heartbeat-interval", 20, DAY_MS),
    maxPayloadBytes: wholeNumber(raw, "max-payload", 1, 15 * 1024 * 1024),
    maxBodyBytes: wholeNumber(raw, "max-body-bytes", BODY_BYTES_EACH, 2 ** 40),
    maxBodyBytesEach: wholeNumber(raw, "max-body-bytes-each", BODY_BYTES_EACH, 2 ** 40),
    maxAnswerBytes: wholeNumber(raw, "max-answer-bytes", MEBIBYTE, 2 ** 40),
    maxAnswerBytesEach: wholeNumber(raw, "max-answer-bytes-each", MEBIBYTE, 2 ** 40),
    maxUnfinishedBytes: wholeNumber(raw, "max-unfinished-bytes", MEBIBYTE, 2 ** 40),
    maxUnfinishedBytesEach: wholeNumber(raw, "max-unfinished-bytes-each", MEBIBYTE, 2 ** 40),
    maxLinks: wholeNumber(raw, "max-links", 1, 10_000_000),
    maxTopics: wholeNumber(raw, "max-topics", 1, 1_000_000),
    windowMessages: wholeNumber(raw, "window", 1, 65_536),
    publishTimeoutMs: wholeNumber(raw, "publish-timeout", 1, DAY_MS),
    highWaterBytes: wholeNumber(raw, "high-water", 1024, 2 ** 31),
    drainTimeoutMs: wholeNumber(raw, "drain-timeout", 0, DAY_MS),
    isLegacySpoken,
    events: eventsOf(raw),
    logLevel: text(raw, "log-level"),
  };
}

function consumersOf(raw: RawOptions): ConsumerSource {
  const isListed = raw["consumers"] !== undefined;
  if (isListed === (raw["redis"] !== undefined)) {
    throw optionInvalid(
      isListed
        ? "with --redis, consumers are found there: --consumers is for nodes without it"
        : "--consumers is needed: c1=ws://host:9100,…",
    );
  }
  return parseConsumerSource(isListed ? text(raw, "consumers") : undefined);
}

function eventsOf(raw: RawOptions): EventKind[] {
  const kinds = raw["events"] === undefined ? [] : text(raw, "events").split(",");
  return kinds.map((name) => {
    const kind = EVENT_KINDS.find((one) => one === name.trim());
    if (kind === undefined) throw optionInvalid(`--events has ${EVENT_KINDS.join(", ")}`);
    return kind;
  });
}

function idOf(raw: RawOptions): string {
  const id = text(raw, "id");
  if (!NODE_ID.test(id))
    throw optionInvalid(`--id ${id}: 1 to 64 letters, digits, or any of . _ : -`);
  return id;
}

function readConfigFile(
  file: string,
  isNumber: (name: string) => boolean,
): Record<string, unknown> {
  const value = readJsonFile("--config", file);
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw optionInvalid(`--config ${file} is not a JSON object`);
  }
  for (const [name, given] of Object.entries(value)) {
    if (isNumber(name) && typeof given === "string") numberOf(`--config ${file}: ${name}`, given);
  }
  return { ...value };
}

function withoutOutdone<Value>(
  values: Readonly<Record<string, Value>>,
  stronger: ReadonlySet<string>,
): Record<string, Value> {
  const kept = Object.entries(values).filter(([name]) => !isOutdone(name, stronger, RIVALS));
  return Object.fromEntries(kept);
}

/** Of `--name=value`. */
function nameOf(arg: string): string {
  return arg.slice(2, arg.indexOf("="));
}

function pickKnown(
  values: Readonly<Record<string, string | undefined>>,
  definitions: Readonly<Record<string, Options>>,
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(values)
      .filter(([name]) => name in definitions)
      .map(([name, value]) => [
        name,
        value !== undefined && value !== "" && definitions[name]?.type === "number"
          ? numberOf(`--${name}`, value)
          : value,
      ]),
  );
}

function withoutUndefined(values: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(values).filter(([, value]) => value !== undefined && value !== ""),
  );
}
