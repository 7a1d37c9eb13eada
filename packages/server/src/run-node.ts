// Starts a node from a command line. If it cannot start, prints one line and exits with code 1.
// Stops gracefully on signals.
import { setFlagsFromString } from "node:v8";
import { readOptions, type Row, type Values } from "@shardcast/options";
import { createLogger, explain, outliveRejections, stopOnSignal } from "@shardcast/process";
import type { RingMember } from "@shardcast/protocol";
import type { Logger } from "pino";
import { PUBLIC_PSK } from "./options/psk-options.ts";
import type { NodeCore, Role, ShardcastNode } from "./node/node.ts";
import type { NodeOptions, NodeValues } from "./node/node-options.ts";
import { openNodeCore } from "./node/open-node-core.ts";

/**
 * How far the old part of V8's heap may grow before a full collection, in percent of what was alive
 * after the last one. V8's own value is smaller for small heaps, and counts buffers, which come and
 * go here all the time: five full collections per second, 8 to 19 ms each, for 14 MB.
 * docs/benchmarks.md#what-was-tried
 */
const HEAP_GROWING_PERCENT = 300;

const READY_POLL_MS = 50;

/** The rows that every node has; a role adds its own. */
type NodeRows = { readonly [Key in keyof NodeValues]: Row<NodeValues[Key]> };

export interface RunNodeOptions<Rows extends NodeRows> {
  readonly role: Role;
  /** For `--help`. */
  readonly description: string;
  readonly options: Rows;
  /** Determines the node's id, if its options leave that open. */
  readonly resolveId?: (options: NodeOptions, members: readonly RingMember[]) => Promise<string>;
  readonly start: (core: NodeCore, values: Values<Rows>) => Promise<ShardcastNode>;
}

export async function runNode<Rows extends NodeRows>(run: RunNodeOptions<Rows>): Promise<void> {
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
    const { role, resolveId } = run;
    const nodeValues = values as Values<Rows> & NodeValues;
    core = await openNodeCore({ role, values: nodeValues, createLogger, resolveId });
    node = await run.start(core, values);
  } catch (error) {
    process.stderr.write(`${scriptName}: ${explain(error)}\n`);
    // Timers that were started must not keep the process alive.
    process.exit(1);
  }
  if (core.options.psk === PUBLIC_PSK) {
    core.logger.warn("the pre-shared key is the original's public default: anyone can connect");
  }
  // Before the lines are logged, because their reader may send a signal at once.
  stopOnSignal(core.logger, node);
  outliveRejections(core.logger);
  core.logger.info({ url: node.url, port: node.port, pid: process.pid }, "listening");
  tellWhenReady(node, core.logger);
}

/** Logs "ready" when the node is ready for the first time, as /readyz reports it. */
function tellWhenReady(node: ShardcastNode, logger: Logger): void {
  if (node.isStopping) return;
  if (node.waitingFor().length > 0) {
    setTimeout(() => tellWhenReady(node, logger), READY_POLL_MS).unref();
  } else logger.info({ url: node.url, port: node.port, pid: process.pid }, "ready");
}
