// What a subscriber costs that gets nothing: memory and CPU, and the CPU to take it in.
import { Load } from "./load.ts";
import { PEERS, type BenchBins, type Peer } from "./peers.ts";
import { familiesCpuMs, familiesResidentKib, kernelSocketKib } from "./process-stats.ts";
import { TempFolder } from "./shardcast-nodes.ts";
import type { Row, Table } from "./table.ts";

export interface IdleOptions {
  readonly bins: BenchBins;
  readonly peers: readonly string[];
  /** How many at once; one process of a server may open 20,000 files. */
  readonly subscribers?: number;
  /** How long they are watched. */
  readonly watchMs?: number;
  readonly progress: (text: string) => void;
}

/** Over two heartbeats of Shardcast, and time for a garbage collector to come by. */
const WATCH_MS = 55_000;

export async function idle(options: IdleOptions): Promise<Table> {
  const { subscribers = 10_000, watchMs = WATCH_MS } = options;
  const rows: Row[] = [];
  for (const peer of PEERS.filter(({ name }) => options.peers.includes(name))) {
    options.progress(`idle ${subscribers}: ${peer.name}`);
    rows.push(await measure(peer, options.bins, { subscribers, watchMs }));
  }
  return { question: "idle", title: "Idle subscribers of one topic", rows };
}

async function measure(
  peer: Peer,
  bins: BenchBins,
  { subscribers, watchMs }: { readonly subscribers: number; readonly watchMs: number },
): Promise<Row> {
  const folder = new TempFolder();
  const { processes, port } = await peer.start(bins, folder.path);
  const plan = { type: "idle", dialect: peer.dialect, port } as const;
  const loads: Load[] = [];
  try {
    // A few first: what is compiled and allocated once is no subscriber's.
    loads.push(await Load.connect(bins.load, { ...plan, subscribers: 200, first: 0 }));
    await sleep(1000);
    const [kib, kernelKib] = [familiesResidentKib(processes), kernelSocketKib()];
    const cpu = familiesCpuMs(processes);
    loads.push(await Load.connect(bins.load, { ...plan, subscribers, first: 200 }));
    const connectCpu = familiesCpuMs(processes) - cpu;
    const idleCpu = familiesCpuMs(processes);
    await sleep(watchMs);
    const watchedCpu = familiesCpuMs(processes) - idleCpu;
    return {
      system: peer.name,
      subscribers,
      "process, B each": ((familiesResidentKib(processes) - kib) * 1024) / subscribers,
      // The other half is the load generator's.
      "kernel, B each end": ((kernelSocketKib() - kernelKib) * 512) / subscribers,
      "CPU to connect, µs": (connectCpu * 1000) / subscribers,
      "CPU idle, % of a core": (watchedCpu * 100) / watchMs,
    };
  } finally {
    for (const load of loads) await load.stop();
    for (const process of processes) await process.stop();
    folder.remove();
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
