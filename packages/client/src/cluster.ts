// Fetches the description of the cluster from a node: GET /cluster lists the consumers of the ring.
import { SHARD_COUNT, ShardcastError, type RingMember } from "@shardcast/protocol";
import { baseUrl, httpUrl, isTls } from "./base-url.ts";
import type { Runtime } from "./runtime.ts";

const HASH = "murmur3_32";

export interface ClusterDescription {
  /** The id of the node that answered. */
  readonly nodeId: string;
  readonly consumers: readonly RingMember[];
}

/**
 * Fetches the description from the node at `url`, a base URL.
 * @throws SHARDCAST_LINK_LOST if the node does not answer, SHARDCAST_OWNER_UNAVAILABLE if the cluster has no
 * consumer, SHARDCAST_OPTION_INVALID if the answer is invalid, or names an address without TLS although `url` uses TLS
 */
export async function fetchCluster(
  url: string,
  runtime: Pick<Runtime, "fetch">,
  signal: AbortSignal,
): Promise<ClusterDescription> {
  const cluster = readCluster(await get(`${httpUrl(url)}/cluster`, runtime, signal));
  if (isTls(url)) for (const { id, url: learned } of cluster.consumers) refusePlain(id, learned);
  return cluster;
}

/** A client that was given an address with TLS must not send anything without TLS, whatever a node answers. */
function refusePlain(id: string, url: string): void {
  if (isTls(url)) return;
  throw new ShardcastError(
    "SHARDCAST_OPTION_INVALID",
    `the cluster lists ${url} for its consumer ${id}, but this client was given an address with TLS and accepts only such: ` +
      `start the consumer with --advertise wss://… (or list wss://… in --consumers), or connect with route "single"`,
  );
}

async function get(
  url: string,
  runtime: Pick<Runtime, "fetch">,
  signal: AbortSignal,
): Promise<unknown> {
  try {
    const response = await runtime.fetch(url, { signal });
    if (!response.ok) throw new Error(`HTTP status ${response.status}`);
    if (url.startsWith("https:") && response.redirected && !response.url.startsWith("https:")) {
      throw new Error(`redirected to ${response.url}, which does not use TLS`);
    }
    return (await response.json()) as unknown;
  } catch (error) {
    throw new ShardcastError("SHARDCAST_LINK_LOST", `${url}: ${explain(error)}`, { cause: error });
  }
}

/** @throws SHARDCAST_OPTION_INVALID */
function readCluster(answer: unknown): ClusterDescription {
  if (!isRecord(answer) || !isRecord(answer["node"]) || !Array.isArray(answer["consumers"])) {
    throw unusable("the answer does not describe a cluster");
  }
  // With another hash or number of shards the client would send every topic to the wrong owner.
  if (answer["shards"] !== SHARD_COUNT || answer["hash"] !== HASH) {
    throw unusable(`this client supports only ${SHARD_COUNT} shards with the hash ${HASH}`);
  }
  const consumers = answer["consumers"].map(readMember);
  if (consumers.length === 0) {
    const detail = "the cluster currently has no consumer";
    throw new ShardcastError("SHARDCAST_OWNER_UNAVAILABLE", detail);
  }
  const { id } = answer["node"];
  return { nodeId: typeof id === "string" ? id : "", consumers };
}

function readMember(member: unknown): RingMember {
  if (!isRecord(member) || typeof member["id"] !== "string" || typeof member["url"] !== "string") {
    throw unusable("a consumer has no id or no url");
  }
  return { id: member["id"], url: baseUrl(member["url"]) };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function unusable(detail: string): ShardcastError {
  return new ShardcastError("SHARDCAST_OPTION_INVALID", `GET /cluster: ${detail}`);
}

/** fetch puts the actual error in `cause`. */
function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause, message } = error;
  return cause instanceof Error && cause.message !== "" ? cause.message : message;
}
