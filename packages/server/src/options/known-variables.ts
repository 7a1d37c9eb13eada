// SHARDCAST_… variables that a node does not read and that are right all the same. Any other is misspelt: a setting
// that its author believes to be in force.
import { optionInvalid } from "./option-value.ts";

const PREFIX = "SHARDCAST_";
/** Of other commands, which may share the environment. */
const ELSEWHERE: ReadonlySet<string> = new Set(
  [
    ...["PRODUCERS", "TOKEN", "IMAGE", "E2E_PRODUCERS", "E2E_CONSUMERS", "MOCHA_STATS"],
    // Consumers' own, for producers.
    ...["ADVERTISE", "DATA", "DEDUPE_WINDOW", "LOG", "LOG_BYTES", "MAX_LAG", "MAX_OWNED_TOPICS"],
    ...[
      "MAX_PRESENT",
      "MAX_PRESENT_EACH",
      "PRESENCE_TIMEOUT",
      "PUSH",
      "PUSH_ALLOW",
      "PUSH_ALLOW_HTTP",
      "PUSH_CA",
    ],
    ...["REDIS_REPLICAS", "RETAIN_AGE", "RETAIN_BYTES", "RETAIN_COUNT", "RETENTION"],
    ...["SLOW_SUBSCRIBERS", "TAIL_BYTES"],
  ].map((name) => PREFIX + name),
);
/** Kubernetes makes them for a service that is called shardcast, or shardcast-… */
const OF_SERVICES =
  /^SHARDCAST_(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$/;
const SERVICE_URL = /^(tcp|udp|sctp):\/\//;

/**
 * The variables that are a node's options, `--<name>=<value>` each.
 * @param known names of options
 * @throws SHARDCAST_OPTION_INVALID where one begins with SHARDCAST_ and is nothing that Shardcast knows
 */
export function argumentsOf(env: NodeJS.ProcessEnv, known: readonly string[]): string[] {
  const options = new Map(known.map((name) => [variableOf(name), name]));
  const args: string[] = [];
  for (const [variable, value] of Object.entries(env)) {
    if (!variable.startsWith(PREFIX) || value === undefined) continue;
    // A service that is called shardcast has its address in SHARDCAST_PORT.
    if (OF_SERVICES.test(variable) && (variable !== "SHARDCAST_PORT" || SERVICE_URL.test(value)))
      continue;
    const name = options.get(variable);
    if (name === undefined && !ELSEWHERE.has(variable)) {
      throw optionInvalid(`${variable} is no variable of Shardcast: is it misspelt?`);
    }
    if (name !== undefined && value !== "") args.push(`--${name}=${value}`);
  }
  return args;
}

function variableOf(option: string): string {
  return `${PREFIX}${option.toUpperCase().replaceAll("-", "_")}`;
}
