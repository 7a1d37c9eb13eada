// Parses the list of all consumers, as --consumers gives it.
import { isNodeId, optionInvalid } from "@shardcast/options";
import { nodeUrl, type RingMember } from "@shardcast/protocol";
import { expandRanges } from "./ranges.ts";

/**
 * Parses `c1=ws://host:9100,c2=ws://host:9101`; `c{1..3}=ws://host-{1..3}:9100` stands for three
 * consumers.
 * @throws SHARDCAST_OPTION_INVALID if an entry is not a consumer, or two have the same id or the
 * same address
 */
export function parseConsumers(list: string): RingMember[] {
  const members = expandRanges(list)
    .split(",")
    .map((entry) => entry.trim())
    .filter((entry) => entry !== "")
    .map(parseConsumer);
  if (members.length === 0) throw optionInvalid("--consumers names no consumer");
  refuseTwice("id", members);
  refuseTwice("address", members);
  return members;
}

/**
 * A node that is listed twice would own topics under an id that it does not have, and refuse them.
 */
function refuseTwice(what: "id" | "address", members: readonly RingMember[]): void {
  const seen = new Map<string, RingMember>();
  for (const member of members) {
    const key = what === "id" ? member.id : member.url;
    const first = seen.get(key);
    if (first !== undefined) {
      const both = [first, member].map(({ id, url }) => `${id}=${url}`).join(" and ");
      throw optionInvalid(`--consumers: ${both} have the same ${what}`);
    }
    seen.set(key, member);
  }
}

function parseConsumer(entry: string): RingMember {
  const [id, url] = splitOnce(entry, "=");
  if (!isNodeId(id)) throw optionInvalid(`--consumers: ${entry} is not <id>=ws://<host>:<port>`);
  const known = nodeUrl(url);
  if (known === undefined) {
    throw optionInvalid(`--consumers: ${entry} is not <id>=ws://<host>:<port>`);
  }
  return { id, url: known };
}

function splitOnce(entry: string, separator: string): [string, string] {
  const at = entry.indexOf(separator);
  return at < 0 ? [entry, ""] : [entry.slice(0, at), entry.slice(at + 1)];
}
