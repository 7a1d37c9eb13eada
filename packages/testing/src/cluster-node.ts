// One node of a cluster, which can be killed and started again at the same address.
import { parseConsumerOptions, startConsumer } from "@shardcast/consumer";
import { CONSUMER_OPTIONS, PRODUCER_OPTIONS, parseRows } from "@shardcast/options";
import { createLoggerTo } from "@shardcast/process";
import { startProducer } from "@shardcast/producer";
import { openNodeCore, type NodeCore, type ShardcastNode } from "@shardcast/server";
import { rawOptionsOf, type ClusterPlan } from "./cluster-options.ts";
import type { Front } from "./front.ts";
import type { FaultyNetwork } from "./network.ts";

export interface ClusterNodeOptions {
  readonly id: string;
  readonly role: "consumer" | "producer";
  readonly plan: ClusterPlan;
  /** The consumers, as the option `--consumers`. */
  readonly ring: string;
  readonly dataFolder: string | undefined;
  readonly network: FaultyNetwork;
  readonly front: Front;
}

export class ClusterNode {
  readonly id: string;
  readonly #options: ClusterNodeOptions;
  #node: ShardcastNode | undefined;
  /** Starts and kills, one after another. */
  #last: Promise<void> = Promise.resolve();

  constructor(options: ClusterNodeOptions) {
    this.id = options.id;
    this.#options = options;
  }

  /** The address that others use. */
  get url(): string {
    return this.#options.front.url;
  }

  get isRunning(): boolean {
    return this.#node !== undefined;
  }

  /** What the node waits for before it is ready; empty if it is ready. */
  get waitingFor(): readonly string[] {
    return this.#node?.waitingFor() ?? ["its start"];
  }

  /** Resolves when the node accepts connections. */
  start(): Promise<void> {
    return this.#next(() => this.#start());
  }

  /** Ends the node's sockets at once; resolves when the node has stopped. */
  kill(): Promise<void> {
    this.#options.network.stop(this.id);
    return this.#next(() => this.#kill());
  }

  #next(step: () => Promise<void>): Promise<void> {
    const result = this.#last.then(step);
    this.#last = result.catch(() => undefined);
    return result;
  }

  async #start(): Promise<void> {
    if (this.#node !== undefined) return;
    const { network, front, id } = this.#options;
    network.start(id);
    this.#node = await startNode(this.#options);
    front.open(this.#node.port);
  }

  async #kill(): Promise<void> {
    const node = this.#node;
    if (node === undefined) return;
    this.#options.network.stop(this.id);
    this.#node = undefined;
    await node.drain();
  }
}

async function startNode(options: ClusterNodeOptions): Promise<ShardcastNode> {
  const { id, role, plan, network } = options;
  const raw = rawOptionsOf(plan, options);
  const common = {
    createLogger: (level: string, labels: Readonly<Record<string, string>>) =>
      createLoggerTo({ write: plan.logger }, level, labels),
    dial: network.dialFrom(id),
    isProcessShared: true,
  };
  if (role === "producer") {
    const values = parseRows(PRODUCER_OPTIONS, raw);
    const core = await openNodeCore({ ...common, role, values });
    return orStop(core, startProducer(core, undefined));
  }
  const values = parseRows(CONSUMER_OPTIONS, raw);
  const core = await openNodeCore({ ...common, role, values });
  return orStop(core, startConsumer(core, parseConsumerOptions(values)));
}

/** Stops what a node that does not start would leave running. */
async function orStop(core: NodeCore, node: Promise<ShardcastNode>): Promise<ShardcastNode> {
  try {
    return await node;
  } catch (error) {
    core.sweep.stop();
    core.gate.close();
    throw error;
  }
}
