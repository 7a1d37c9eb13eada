// Creates the parts that every node has, from the values of its options.
import type { RingMember } from "@shardcast/protocol";
import type { Logger } from "pino";
import { openConsumers } from "../cluster/consumer-source.ts";
import { Membership } from "../cluster/membership.ts";
import { NodeMetrics } from "../http/metrics.ts";
import type { Dial } from "../peer/peer.ts";
import { readSchemaFile } from "../publish/schema-file.ts";
import { createNodeCore, type NodeCore, type Role } from "./node.ts";
import { parseNodeOptions, type NodeOptions, type NodeValues } from "./node-options.ts";

export interface NodeCoreSource {
  readonly role: Role;
  readonly values: NodeValues;
  /** @param labels included in every line */
  readonly createLogger: (level: string, labels: Readonly<Record<string, string>>) => Logger;
  /** Determines the node's id, if its options leave that open. */
  readonly resolveId?:
    ((options: NodeOptions, members: readonly RingMember[]) => Promise<string>) | undefined;
  /** Opens the connections to other nodes. @default Node's own */
  readonly dial?: Dial;
  /** Whether other nodes run in the same process, so that metrics of the process are not the node's. @default false */
  readonly isProcessShared?: boolean;
}

/** @throws SHARDCAST_OPTION_INVALID, SHARDCAST_KEY_MISSING */
export async function openNodeCore(source: NodeCoreSource): Promise<NodeCore> {
  const { role, values, createLogger, resolveId, dial, isProcessShared = false } = source;
  const parsed = parseNodeOptions(values);
  const consumers = await openConsumers(parsed.consumers, parsed.port);
  const id = (await resolveId?.(parsed, consumers.members)) ?? parsed.id;
  const { schemaFile } = parsed;
  const schemas = schemaFile === undefined ? undefined : await readSchemaFile(schemaFile);
  const options = { ...parsed, id, schemas, dial };
  const labels = { role, node: id };
  const logger = createLogger(options.logLevel, labels);
  // A producer is never one of the consumers, even with the same id.
  const isSelf = role === "producer" ? () => false : (consumers.isSelf ?? hasId(id));
  const membership = new Membership(consumers.members, isSelf);
  consumers.follow(membership, logger);
  const metrics = new NodeMetrics(labels, { hasProcess: !isProcessShared });
  return createNodeCore(options, membership, logger, metrics);
}

function hasId(id: string): (member: RingMember) => boolean {
  return (member) => member.id === id;
}
