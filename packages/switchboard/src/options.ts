// Reads the switchboard's options from the command line, or from environment variables with the original's names. An
// invalid option is reported in one line, before the switchboard listens.
import {
  checkNumbers,
  checkSecret,
  isOutdone,
  namesOf,
  readSecretFile,
  spellSwitches,
  switchOf,
  type Rivals,
} from "@shardcast/process";
import { ShardcastError } from "@shardcast/client";
import yargs, { type Options } from "yargs";
import type { ApiAuthOptions } from "./api-auth.ts";
import type { BackEndOptions } from "./back-end.ts";
import type { ClusterClientOptions } from "./cluster-client.ts";
import { OPTIONS, type OptionEntry, type OptionName } from "./option-table.ts";
import type { SealOptions } from "./session-seal.ts";
import type { SocketOptions } from "./socket-acceptor.ts";

const HELP_COLUMNS = 100;
const DAY_MS = 24 * 60 * 60 * 1000;
const RIVALS: readonly Rivals[] = [[["psk"], ["psk-file"]]];

type Raw = Readonly<Record<string, unknown>>;

export interface SwitchboardOptions {
  readonly host: string;
  readonly port: number;
  readonly cluster: ClusterClientOptions;
  readonly conciergeUrl: string;
  readonly signature: ApiAuthOptions;
  readonly seal: SealOptions;
  readonly sockets: SocketOptions;
  readonly rate: { readonly messagesPerSecond: number; readonly burstMessages: number };
  readonly version: BackEndOptions;
  readonly maxBodyBytes: number;
  readonly maxRemembered: number;
  readonly drainTimeoutMs: number;
  readonly adminKey: string | undefined;
  readonly logLevel: string;
}

/**
 * @returns undefined if only the help was requested
 * @throws SHARDCAST_OPTION_INVALID, SHARDCAST_KEY_MISSING
 */
export function readOptions(
  argv: readonly string[],
  env: NodeJS.ProcessEnv,
): SwitchboardOptions | undefined {
  // yargs would ignore everything after it.
  if (argv.includes("--")) throw invalid("unknown argument: --");
  const raw = parse(argv, env);
  if (raw["help"] === true) return undefined;
  return {
    host: text(raw, "host"),
    port: whole(raw, "port", 0, 65_535),
    cluster: {
      producers: urls(raw, "producers"),
      consumers: urls(raw, "consumers"),
      psk: pskOf(raw),
      timeoutMs: whole(raw, "publish-timeout", 1, 60_000),
    },
    conciergeUrl: conciergeUrlOf(raw),
    signature: { secret: secretOf(raw, "postback-secret"), accessId: optional(raw, "access-id") },
    seal: {
      secret: secretOf(raw, "secret"),
      previousSecret: optionalSecret(raw, "secret-previous"),
      lifetimeMs: whole(raw, "session-lifetime", 1, 10 * 365 * 24 * 60 * 60) * 1000,
    },
    sockets: {
      clientSessionSecret: switchOf(raw, "client-sessions") ? secretOf(raw, "secret") : undefined,
      origins: list(optional(raw, "origins") ?? ""),
      maxSockets: whole(raw, "max-sockets", 1, 1_000_000),
      maxSocketsPerAddress: whole(raw, "max-address-sockets", 1, 1_000_000),
      maxSessionsPerAddress: whole(raw, "max-address-sessions", 1, 1_000_000),
      trustedHops: whole(raw, "trusted-hops", 0, 100),
      maxSocketsPerSession: whole(raw, "max-session-sockets", 1, 1000),
      maxFrameBytes: whole(raw, "max-frame", 128, 1024 * 1024),
      heartbeatMs: whole(raw, "heartbeat-interval", 20, DAY_MS),
    },
    rate: {
      messagesPerSecond: whole(raw, "rate", 1, 100_000),
      burstMessages: whole(raw, "burst", 1, 100_000),
    },
    version: { timeoutMs: 2000, cacheMs: 3000 },
    maxBodyBytes: whole(raw, "max-body", 128, 1024 * 1024),
    maxRemembered: whole(raw, "max-remembered", 1, 10_000_000),
    drainTimeoutMs: whole(raw, "drain-timeout", 0, DAY_MS),
    adminKey: optionalSecret(raw, "admin-key"),
    logLevel: text(raw, "log-level"),
  };
}

function parse(argv: readonly string[], env: NodeJS.ProcessEnv): Raw {
  const entries = Object.entries<OptionEntry>(OPTIONS);
  const known = entries.map(([name, { variable, ...option }]) => [
    name,
    {
      ...option,
      requiresArg: option.type !== "boolean",
      describe: `${option.describe ?? ""} (or ${variable})`,
    },
  ]);
  const given = namesOf(argv);
  const fromEnv = entries.flatMap(([name, { variable }]) => {
    const value = env[variable];
    if (value === undefined || value === "" || isOutdone(name, given, RIVALS)) return [];
    return [`--${name}=${value}`];
  });
  const types = new Map(entries.map(([name, { type }]) => [name, type]));
  const args = [...fromEnv, ...argv];
  checkNumbers(args, (name) => types.get(name) === "number");
  return yargs(spellSwitches(args, (name) => types.get(name) === "boolean"))
    .scriptName("shardcast-switchboard")
    .usage(
      "$0 [options]\n\nConnects the signed HTTP requests of a back end with the WebSockets of its users.",
    )
    .options(Object.fromEntries(known) as Record<string, Options>)
    .strict()
    .parserConfiguration({
      "camel-case-expansion": false,
      "dot-notation": false,
      // The last value counts: an argument overrides the environment.
      "duplicate-arguments-array": false,
    })
    .locale("en")
    .wrap(HELP_COLUMNS)
    .version(false)
    .exitProcess(false)
    .fail((message: string | undefined, error: unknown) => {
      const why = message ?? (error instanceof Error ? error.message : "unusable options");
      throw invalid(why.trim().replace(/\s*\n\s*/g, " "));
    })
    .parseSync();
}

function optional(raw: Raw, name: OptionName): string | undefined {
  return raw[name] === undefined ? undefined : text(raw, name);
}

function text(raw: Raw, name: OptionName): string {
  const value = raw[name];
  if (typeof value === "string" && value !== "") return value;
  throw invalid(`--${name} (or ${OPTIONS[name].variable}) is required`);
}

function whole(raw: Raw, name: OptionName, min: number, max: number): number {
  const value = raw[name];
  if (typeof value === "number" && Number.isInteger(value) && value >= min && value <= max) {
    return value;
  }
  throw invalid(`--${name} must be a whole number from ${min} to ${max}`);
}

function secretOf(raw: Raw, name: OptionName): string {
  return checkSecret(`--${name} (or ${OPTIONS[name].variable})`, text(raw, name));
}

function optionalSecret(raw: Raw, name: OptionName): string | undefined {
  return raw[name] === undefined ? undefined : secretOf(raw, name);
}

function pskOf(raw: Raw): string {
  if (raw["psk"] !== undefined) return secretOf(raw, "psk");
  const file = optional(raw, "psk-file");
  if (file === undefined) {
    throw new ShardcastError("SHARDCAST_KEY_MISSING", "no pre-shared key: set PSK or --psk-file");
  }
  const [key] = readSecretFile("--psk-file", file);
  return checkSecret("--psk-file", key);
}

function conciergeUrlOf(raw: Raw): string {
  const url = text(raw, "concierge-url");
  if (URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)) return url;
  throw invalid(`--concierge-url ${url} is not an http(s) URL`);
}

function urls(raw: Raw, name: "producers" | "consumers"): string[] {
  const found = list(text(raw, name)).map((entry) => entry.replace(/^[\w.:-]+=/, ""));
  const wrong = found.find((url) => !URL.canParse(url));
  if (found.length > 0 && wrong === undefined) return found;
  throw invalid(`--${name}: ${wrong ?? "an empty list"} is not ws(s)://host:port`);
}

function list(value: string): string[] {
  return value
    .split(",")
    .map((entry) => entry.trim())
    .filter((entry) => entry !== "");
}

function invalid(detail: string): ShardcastError {
  return new ShardcastError("SHARDCAST_OPTION_INVALID", detail);
}
