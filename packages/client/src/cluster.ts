// What a node tells of its cluster at GET /cluster: the consumers that make up the ring.
import { SHARD_COUNT, ShardcastError, type RingMember } from "@shardcast/protocol";
import { baseUrl, httpUrl, isTls } from "./base-url.ts";
import type { Runtime } from "./runtime.ts";

const HASH = "murmur3_32";

export interface Cluster {
  /** The id of the node that was asked. */
  readonly nodeId: string;
  readonly consumers: readonly RingMember[];
}

/**
 * Asks the node at `url`, a base URL.
 * @throws SHARDCAST_LINK_LOST where it does not answer, SHARDCAST_OWNER_UNAVAILABLE where there is no consumer, SHARDCAST_OPTION_INVALID where its answer cannot be used, or leads from TLS to plain text
 */
export async function fetchCluster(
  url: string,
  runtime: Pick<Runtime, "fetch">,
  signal: AbortSignal,
): Promise<Cluster> {
  const cluster = readCluster(await get(`${httpUrl(url)}/cluster`, runtime, signal));
  if (isTls(url)) for (const { id, url: learned } of cluster.consumers) refusePlain(id, learned);
  return cluster;
}

/** Whoever names an address with TLS wants it for all that follows. What a node tells is no reason to do without. */
function refusePlain(id: string, url: string): void {
  if (isTls(url)) return;
  throw new ShardcastError(
    "SHARDCAST_OPTION_INVALID",
    `the cluster names ${url} for its consumer ${id}, and a client that was given an address with TLS takes none ` +
      `without: start the consumer with --advertise wss://… (or name wss://… in --consumers), or connect with route "single"`,
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
      throw new Error(`redirected to ${response.url}, which goes without TLS`);
    }
    return (await response.json()) as unknown;
  } catch (error) {
    throw new ShardcastError("SHARDCAST_LINK_LOST", `${url}: ${explain(error)}`, { cause: error });
  }
}

/** @throws SHARDCAST_OPTION_INVALID */
function readCluster(answer: unknown): Cluster {
  if (!isRecord(answer) || !isRecord(answer["node"]) || !Array.isArray(answer["consumers"])) {
    throw unusable("it is not a description of a cluster");
  }
  // Another hash or another number of shards would send every topic to the wrong owner.
  if (answer["shards"] !== SHARD_COUNT || answer["hash"] !== HASH) {
    throw unusable(`this client knows ${SHARD_COUNT} shards by ${HASH} only`);
  }
  const consumers = answer["consumers"].map(readMember);
  if (consumers.length === 0) {
    const detail = "the cluster has no consumer at the moment";
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

/** fetch hides what went wrong in the cause. */
function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause, message } = error;
  return cause instanceof Error && cause.message !== "" ? cause.message : message;
}
