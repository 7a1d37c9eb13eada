// Measures the memory and CPU of a subscriber that receives nothing, and the CPU to connect it.
import type { Load } from "../load/load.ts";
import type { BenchBins, Peer } from "../peers/peers.ts";
import { RunningPeer } from "../peers/running-peer.ts";
import type { Row, Table } from "../report/table.ts";
import { kernelSocketKib } from "../stats/process-stats.ts";
import { peersOf, sleep, type Asked, type Question } from "./question.ts";

export interface IdleOptions extends Asked {
  /** The number of subscribers, for each measurement. */
  readonly subscribers?: readonly number[];
  /** How long to watch them, in ms. */
  readonly watchMs?: number;
}

/** Two of Shardcast's heartbeats, and time for a garbage collection. */
const WATCH_MS = 55_000;
/**
 * The limit for one process, which may open 20,000 files. For more subscribers, several servers are
 * started.
 */
const PER_SERVER = 17_000;
/** Subscribers to connect first, so that one-time compilation and allocation are not counted. */
const WARM_UP = 1000;

export const IDLE: Question = {
  name: "idle",
  about: "10,000 and 50,000 subscribers that get nothing: memory, CPU, and CPU to connect",
  ask: (asked) => idle(asked),
  chart: (rows) => {
    const counts = [...new Set(rows.map((row) => String(row["subscribers"])))];
    const systems = [...new Set(rows.map((row) => String(row["system"])))];
    return {
      kind: "bar",
      title: "An idle subscriber: memory in the server process",
      x: { name: "", values: systems },
      y: { name: "bytes", isLog: false },
      series: counts.map((count) => ({
        name: `${Number(count).toLocaleString("en")} subscribers`,
        values: systems.map((system) =>
          numberOf(
            rows.find((row) => row["system"] === system && String(row["subscribers"]) === count),
          ),
        ),
      })),
    };
  },
};

function numberOf(row: Row | undefined): number | undefined {
  return row === undefined ? undefined : Number(row["process, B each"]);
}

export async function idle(options: IdleOptions): Promise<Table> {
  const { subscribers = [10_000, 50_000], watchMs = WATCH_MS, bins } = options;
  const rows: Row[] = [];
  for (const count of subscribers) {
    for (const peer of peersOf(options)) {
      options.progress(`idle ${count}: ${peer.name}`);
      rows.push(await measure(peer, bins, { count, watchMs }));
    }
  }
  return { question: IDLE.name, title: "Idle subscribers of one topic", rows };
}

async function measure(
  peer: Peer,
  bins: BenchBins,
  { count, watchMs }: { readonly count: number; readonly watchMs: number },
): Promise<Row> {
  const servers = Math.ceil(count / PER_SERVER);
  return useMany(peer, bins, servers, async (running) => {
    const each = Math.floor(count / servers);
    const warmUp = Math.min(WARM_UP, each);
    for (const server of running) await connect(server, peer, { first: 0, subscribers: warmUp });
    await sleep(1000);
    const sum = (value: (server: RunningPeer) => number): number =>
      running.reduce((total, server) => total + value(server), 0);
    const [kib, kernelKib] = [sum(({ residentKib }) => residentKib), kernelSocketKib()];
    const cpu = sum(({ cpuMs }) => cpuMs);
    for (const [index, server] of running.entries()) {
      const first = servers * warmUp + index * each;
      await connect(server, peer, { first, subscribers: each });
    }
    const connected = sum(({ cpuMs }) => cpuMs);
    await sleep(watchMs);
    const all = each * servers;
    return {
      system: peer.name,
      subscribers: all,
      processes: servers,
      "process, B each": ((sum(({ residentKib }) => residentKib) - kib) * 1024) / all,
      // The other half belongs to the load generator.
      "kernel, B each end": ((kernelSocketKib() - kernelKib) * 512) / all,
      "CPU to connect, µs": ((connected - cpu) * 1000) / all,
      "CPU idle, % of a core": ((sum(({ cpuMs }) => cpuMs) - connected) * 100) / watchMs,
    };
  });
}

function connect(
  server: RunningPeer,
  { dialect }: Peer,
  share: { readonly first: number; readonly subscribers: number },
): Promise<Load> {
  return server.connect({ type: "idle", dialect, port: server.port, ...share });
}

/** Runs `work` with as many servers of a system as `count` requires. */
function useMany<Result>(
  peer: Peer,
  bins: BenchBins,
  count: number,
  work: (running: readonly RunningPeer[]) => Promise<Result>,
  running: readonly RunningPeer[] = [],
): Promise<Result> {
  if (count === 0) return work(running);
  return RunningPeer.use(peer, bins, (one) =>
    useMany(peer, bins, count - 1, work, [...running, one]),
  );
}
