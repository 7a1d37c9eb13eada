// Reads the SHARDCAST_… variables. Unknown ones are refused, because a misspelt variable would silently have no effect.
import { optionInvalid } from "./option-invalid.ts";
import { CONSUMER_OPTIONS } from "./consumer-rows.ts";
import { PRODUCER_OPTIONS } from "./node-rows.ts";
import { variableOf } from "./row.ts";

const PREFIX = "SHARDCAST_";
/** Variables of other commands and of the other role of node, which may share the environment. */
const ELSEWHERE: ReadonlySet<string> = new Set([
  ...["PRODUCERS", "URL", "TOKEN", "IMAGE", "E2E_PRODUCERS", "E2E_CONSUMERS", "MOCHA_STATS"].map(
    (name) => PREFIX + name,
  ),
  ...Object.values({ ...PRODUCER_OPTIONS, ...CONSUMER_OPTIONS }).map(({ name }) =>
    variableOf(name),
  ),
]);
/** Kubernetes sets these for a service called shardcast or shardcast-… */
const OF_SERVICES =
  /^SHARDCAST_(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$/;
const SERVICE_URL = /^(tcp|udp|sctp):\/\//;

/**
 * Returns the options in the environment, by name.
 * @throws SHARDCAST_OPTION_INVALID for a SHARDCAST_… variable that Shardcast does not have
 */
export function optionsOf(
  env: NodeJS.ProcessEnv,
  names: readonly string[],
): Record<string, string> {
  const options = new Map(names.map((name) => [variableOf(name), name]));
  const found: Record<string, string> = {};
  for (const [variable, value] of Object.entries(env)) {
    if (!variable.startsWith(PREFIX) || value === undefined) continue;
    // For a service called shardcast, Kubernetes sets SHARDCAST_PORT to an address.
    if (OF_SERVICES.test(variable) && (variable !== "SHARDCAST_PORT" || SERVICE_URL.test(value)))
      continue;
    const name = options.get(variable);
    if (name === undefined && !ELSEWHERE.has(variable)) {
      throw optionInvalid(`${variable} is not a variable of Shardcast: is it misspelt?`);
    }
    if (name !== undefined && value !== "") found[name] = value;
  }
  return found;
}
