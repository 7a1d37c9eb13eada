// From a command line to a running node: one clear line and exit code 1 where it cannot start, and a graceful stop.
import { setFlagsFromString } from "node:v8";
import { readOptions, type Row, type Values } from "@shardcast/options";
import { createLogger, explain, outliveRejections, stopOnSignal } from "@shardcast/process";
import type { RingMember } from "@shardcast/protocol";
import type { Logger } from "pino";
import { openConsumers } from "./cluster/consumer-source.ts";
import { Membership } from "./cluster/membership.ts";
import { NodeMetrics } from "./http/metrics.ts";
import { PUBLIC_PSK } from "./options/psk-options.ts";
import { createNodeCore, type NodeCore, type Role, type ShardcastNode } from "./node/node.ts";
import { parseNodeOptions, type NodeOptions, type NodeValues } from "./node/node-options.ts";

/**
 * How far V8 lets the old part of the heap grow before it looks for garbage in all of it, in percent of what it
 * found alive the last time. By itself it takes less where the heap is small, and counts buffers, which come and
 * go here all the time: five full collections a second, 8 to 19 ms each, for 14 MB. docs/benchmarks.md#what-was-tried
 */
const HEAP_GROWING_PERCENT = 300;

const READY_POLL_MS = 50;

/** The rows that every node has; a role adds its own. */
type NodeRows = { readonly [Key in keyof NodeValues]: Row<NodeValues[Key]> };

export interface RunOptions<Rows extends NodeRows> {
  readonly role: Role;
  /** For the help. */
  readonly description: string;
  readonly options: Rows;
  /** Finds out what the node is called, where its options leave it open. */
  readonly resolveId?: (options: NodeOptions, members: readonly RingMember[]) => Promise<string>;
  readonly start: (core: NodeCore, values: Values<Rows>) => Promise<ShardcastNode>;
}

export async function runNode<Rows extends NodeRows>(run: RunOptions<Rows>): Promise<void> {
  setFlagsFromString(`--heap-growing-percent=${HEAP_GROWING_PERCENT}`);
  const scriptName = `shardcast-${run.role}`;
  let core: NodeCore;
  let node: ShardcastNode;
  try {
    const { description } = run;
    const { env } = process;
    const argv = process.argv.slice(2);
    const source = { argv, env, scriptName, description, isNode: true };
    const values = readOptions(run.options, source);
    if (values === undefined) return;
    const parsed = parseNodeOptions(values as Values<Rows> & NodeValues);
    const consumers = await openConsumers(parsed.consumers, parsed.port);
    const id = (await run.resolveId?.(parsed, consumers.members)) ?? parsed.id;
    const options = { ...parsed, id };
    const labels = { role: run.role, node: options.id };
    const logger = createLogger(options.logLevel, labels);
    // A producer is none of the consumers, whatever it is called.
    const isSelf = run.role === "producer" ? () => false : (consumers.isSelf ?? hasId(id));
    const membership = new Membership(consumers.members, isSelf);
    consumers.follow(membership, logger);
    core = createNodeCore(options, membership, logger, new NodeMetrics(labels));
    node = await run.start(core, values);
  } catch (error) {
    process.stderr.write(`${scriptName}: ${explain(error)}\n`);
    // Timers of what was begun must not keep the process.
    process.exit(1);
  }
  if (core.options.psk === PUBLIC_PSK) {
    core.logger.warn("the pre-shared key is the original's public default: anyone can connect");
  }
  // Before the lines that say so: whoever reads them may send a signal at once.
  stopOnSignal(core.logger, node);
  outliveRejections(core.logger);
  core.logger.info({ url: node.url, port: node.port, pid: process.pid }, "listening");
  tellWhenReady(node, core.logger);
}

/** Says "ready" when /readyz does for the first time. */
function tellWhenReady(node: ShardcastNode, logger: Logger): void {
  if (node.isStopping) return;
  if (node.waitingFor().length > 0) {
    setTimeout(() => tellWhenReady(node, logger), READY_POLL_MS).unref();
  } else logger.info({ url: node.url, port: node.port, pid: process.pid }, "ready");
}

function hasId(id: string): (member: RingMember) => boolean {
  return (member) => member.id === id;
}
