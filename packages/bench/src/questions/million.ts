// Measures a crowd of phones: each has a link and occasionally sends a byte; then a message goes to
// all, and a node dies.
import { Ring, encodeFrame } from "@shardcast/protocol";
import { PskKeys } from "@shardcast/protocol/proof";
import { Load, type CrowdTask, type LoadResult } from "../load/load.ts";
import { ShardcastSocket } from "../load/shardcast-socket.ts";
import type { ServerProcess } from "../peers/server-process.ts";
import { BENCH_PSK, TempFolder, freePort, startConsumer } from "../peers/shardcast-nodes.ts";
import type { Row, Table } from "../report/table.ts";
import {
  familiesCpuMs,
  familiesResidentKib,
  freeKib,
  kernelSocketKib,
} from "../stats/process-stats.ts";
import type { Asked, Question } from "./question.ts";

export interface MillionOptions extends Pick<Asked, "bins" | "progress"> {
  readonly connections: number;
  /** The number of phones per node: one process may open 20,000 files. */
  readonly perNode?: number;
  /** How long phones send bytes, and the total number of bytes per second. */
  readonly seconds?: number;
  readonly bytesPerSecond?: number;
  /**
   * The heartbeat interval of all links. Phones sleep, and a million heartbeats every 25 s would be
   * 40,000 per second.
   */
  readonly heartbeatMs?: number;
  /** The longest time before a phone reconnects, in ms; each waits a random time. */
  readonly reconnectMs?: number;
}

interface Cluster {
  readonly options: MillionOptions;
  readonly folder: string;
  readonly ring: Ring;
  readonly members: readonly Member[];
  readonly nodes: ServerProcess[];
  readonly loads: Load[];
}

interface Member {
  readonly id: string;
  readonly url: string;
  readonly port: number;
}

const NAME = "million";
const PER_NODE = 19_000;
const TOPIC = "to all";
const RECONNECT_MS = 10_000;
const STARTING_AT_ONCE = 2;
const LOADS_AT_ONCE = 2;
/**
 * Memory reserved for the kernel and everything uncounted: with less available, no more phones
 * connect.
 */
const RESERVE_KIB = 600 * 1024;

export function millionQuestion(connections: number): Question {
  return {
    name: NAME,
    about:
      "phones on as many nodes as it takes: memory and CPU each, a message to all, a node killed",
    ask: ({ bins, progress }) => million({ bins, progress, connections }),
  };
}

export async function million(options: MillionOptions): Promise<Table> {
  const { connections, perNode = PER_NODE } = options;
  const count = Math.max(2, Math.ceil(connections / perNode));
  const folder = new TempFolder();
  const members: Member[] = [];
  for (let number = 1; number <= count; number += 1) {
    const port = await freePort();
    members.push({ id: `c${number}`, url: `ws://127.0.0.1:${port}`, port });
  }
  const ring = new Ring(members);
  const cluster: Cluster = {
    options,
    folder: folder.path,
    ring,
    members,
    nodes: [],
    loads: [],
  };
  try {
    return { question: NAME, title: "A crowd of phones", rows: await run(cluster) };
  } finally {
    for (const load of cluster.loads) await load.stop();
    for (const node of cluster.nodes) await node.stop();
    folder.remove();
  }
}

async function run(cluster: Cluster): Promise<Row[]> {
  const { options, members, nodes, loads } = cluster;
  const rows: Row[] = [];
  const tell = (what: string, value: number | string, unit: string): void => {
    rows.push({ what, value: typeof value === "number" ? shortened(value) : value, unit });
    options.progress(
      `million: ${what}: ${typeof value === "number" ? shortened(value) : value} ${unit}`,
    );
  };

  let begin = performance.now();
  await startNodes(cluster);
  tell("nodes (consumers), all in one ring", nodes.length, "processes");
  tell("until all nodes were up", seconds(begin), "s");

  const [serverKib, kernelKib] = [familiesResidentKib(nodes), kernelSocketKib()];
  let cpu = familiesCpuMs(nodes);
  begin = performance.now();
  const connected = await connectPhones(cluster);
  const took = seconds(begin);
  tell("phones connected and subscribed", connected, "");
  tell("asked for", options.connections, "");
  if (connected < options.connections) tell("stopped by", "memory of the machine", "");
  tell("connected in", took, "s");
  tell("connections a second", connected / took, "");
  tell("CPU of the nodes, a connection", ((familiesCpuMs(nodes) - cpu) * 1000) / connected, "µs");
  tell("CPU of the phones, a connection", (familiesCpuMs(loads) * 1000) / connected, "µs");
  tell(
    "memory of the nodes, a connection",
    bytesEach(familiesResidentKib(nodes) - serverKib, connected),
    "B",
  );
  tell("memory of the phones, a connection", bytesEach(familiesResidentKib(loads), connected), "B");
  tell(
    "memory of the kernel, a connection (both ends)",
    bytesEach(kernelSocketKib() - kernelKib, connected),
    "B",
  );
  tell("memory left on the machine", freeKib() / 1024 / 1024, "GiB");

  cpu = familiesCpuMs(nodes);
  const { seconds: sendSeconds = 30, bytesPerSecond = 2000 } = options;
  const perSecond = bytesPerSecond / loads.length;
  const bytes = await all(loads, { type: "bytes", seconds: sendSeconds, perSecond });
  const sent = bytes.reduce((sum, { count }) => sum + count, 0);
  tell("bytes sent, each by a random phone, stored and acked", sent, "");
  tell(
    "CPU of the nodes, a byte (1.98 hops on average)",
    ((familiesCpuMs(nodes) - cpu) * 1000) / sent,
    "µs",
  );
  tell("byte to ack, p50 / p99 of the slowest generator", worst(bytes), "ms");

  const [first] = members;
  if (first === undefined) return rows;
  const publisher = await Publisher.open(cluster.ring.ownerOf(TOPIC).url);
  cpu = familiesCpuMs(nodes);
  begin = performance.now();
  publisher.publish();
  await all(loads, { type: "await", messages: 1 });
  tell("one message to all, until the last phone had it", seconds(begin), "s");
  tell("CPU of the nodes, a delivery", ((familiesCpuMs(nodes) - cpu) * 1000) / connected, "µs");

  const victim = members.findIndex(({ id }) => id !== cluster.ring.ownerOf(TOPIC).id);
  const lost = Math.round(connected / members.length);
  begin = performance.now();
  await nodes[victim]?.stop();
  publisher.publish();
  const others = loads.filter((_, index) => index !== victim);
  await all(others, { type: "await", messages: 2 });
  tell(
    "a node killed, and a message to all: until all phones of other nodes had it",
    seconds(begin),
    "s",
  );
  nodes[victim] = await startNode(cluster, victim);
  tell("phones whose node was killed, about", lost, "");
  await all(loads.slice(victim, victim + 1), { type: "await", messages: 2 });
  tell(
    "from the kill until each of them was back, by itself, and had what it missed",
    seconds(begin),
    "s",
  );
  publisher.publish();
  await all(loads, { type: "await", messages: 3 });
  tell("phones that got every message once", connected, "");
  publisher.close();
  return rows;
}

async function startNodes(cluster: Cluster): Promise<void> {
  const { members, nodes } = cluster;
  for (let from = 0; from < members.length; from += STARTING_AT_ONCE) {
    const some = members.slice(from, from + STARTING_AT_ONCE);
    nodes.push(...(await Promise.all(some.map((_, index) => startNode(cluster, from + index)))));
  }
}

function startNode({ options, folder, members }: Cluster, index: number): Promise<ServerProcess> {
  const { bins, heartbeatMs = 240_000, perNode = PER_NODE } = options;
  const { id = "", port = 0 } = members[index] ?? {};
  return startConsumer({
    bins,
    id,
    port,
    consumers: members.map((one) => `${one.id}=${one.url}`).join(","),
    args: [
      `--data=${folder}`,
      `--heartbeat-interval=${heartbeatMs}`,
      `--max-links=${perNode + members.length + 100}`,
    ],
  });
}

/**
 * Starts a generator for each node, several at a time, as long as memory suffices.
 * @returns the number of phones
 */
async function connectPhones({ options, members, loads }: Cluster): Promise<number> {
  const { bins, connections, progress, reconnectMs = RECONNECT_MS } = options;
  const each = Math.floor(connections / members.length);
  let connected = 0;
  for (let from = 0; from < members.length; from += LOADS_AT_ONCE) {
    if (freeKib() < RESERVE_KIB) break;
    const some = members.slice(from, from + LOADS_AT_ONCE).map(async ({ port }, offset) => {
      const index = from + offset;
      const phones = index === 0 ? connections - each * (members.length - 1) : each;
      const first = index * each;
      loads[index] = await Load.connect(bins.load, {
        type: "crowd",
        topic: TOPIC,
        reconnectMs,
        ports: [port],
        phones,
        first,
      });
      connected += phones;
    });
    await Promise.all(some);
    progress(`million: ${connected} phones, ${(freeKib() / 1024 / 1024).toFixed(1)} GiB left`);
  }
  return connected;
}

function all(loads: readonly Load[], task: CrowdTask): Promise<LoadResult[]> {
  return Promise.all(loads.map((load) => load.run(task)));
}

/** A client that publishes to the phones' topic. */
class Publisher {
  readonly #socket: ShardcastSocket;
  #seq = 0;

  private constructor(socket: ShardcastSocket) {
    this.#socket = socket;
  }

  static async open(url: string): Promise<Publisher> {
    const keys = new PskKeys(BENCH_PSK);
    const port = Number(new URL(url).port);
    return new Publisher(await ShardcastSocket.open({ port, keys, endpoint: "connect" }));
  }

  publish(): void {
    this.#seq += 1;
    const frame = { type: "publish", seq: this.#seq, timeoutMs: 0, topic: TOPIC } as const;
    this.#socket.send(encodeFrame({ ...frame, payload: Buffer.from("hello") }));
  }

  close(): void {
    this.#socket.destroy();
  }
}

function worst(results: readonly LoadResult[]): string {
  const p50 = Math.max(...results.map(({ latency }) => latency?.p50 ?? 0));
  const p99 = Math.max(...results.map(({ latency }) => latency?.p99 ?? 0));
  return `${p50.toFixed(1)} / ${p99.toFixed(1)}`;
}

function bytesEach(kib: number, count: number): number {
  return Math.round((kib * 1024) / count);
}

function seconds(begin: number): number {
  return (performance.now() - begin) / 1000;
}

function shortened(value: number): string {
  return value >= 100
    ? Math.round(value).toLocaleString("en")
    : String(Number(value.toPrecision(3)));
}
