// Measures the cost and the duration when all clients reconnect at once, each behind by the same
// number of messages.
import type { Peer } from "../peers/peers.ts";
import { RunningPeer } from "../peers/running-peer.ts";
import type { Row, Table } from "../report/table.ts";
import { peersOf, type Asked, type Question } from "./question.ts";

export interface RecoveryStormOptions extends Asked {
  readonly clients?: number;
}

/** The number of messages that the `limit` server keeps. */
const BEHIND = 100;
const PAYLOAD_BYTES = 128;
/** Systems whose subscribers can resume with a position in their request. */
const RESUMABLE = new Set<Peer["name"]>(["shardcast", "shardcast-lmdb", "limit"]);

export const RECOVERY_STORM: Question = {
  name: "recovery-storm",
  about: "5,000 clients come back at once, each 100 messages behind",
  ask: (asked) => recoveryStorm(asked),
  chart: (rows) => ({
    kind: "bar",
    title: "5,000 clients come back at once, each 100 messages behind: until they have them",
    x: { name: "", values: rows.map((row) => String(row["system"])) },
    y: { name: "s", isLog: false },
    series: ["p50, s", "p99, s", "all, s"].map((name) => ({
      name,
      values: rows.map((row) => Number(row[name])),
    })),
  }),
};

export async function recoveryStorm(options: RecoveryStormOptions): Promise<Table> {
  const { bins, clients = 5000 } = options;
  const rows: Row[] = [];
  for (const peer of peersOf(options).filter(({ name }) => RESUMABLE.has(name))) {
    options.progress(`recovery-storm: ${peer.name}`);
    const row = await RunningPeer.use(peer, bins, async (running) => {
      const { port } = running;
      const shape = { clients, behind: BEHIND, payloadBytes: PAYLOAD_BYTES };
      const load = await running.connect({ type: "storm", dialect: peer.dialect, port, ...shape });
      const before = running.cpuMs;
      const { ms, latency } = await load.run();
      return {
        "p50, s": (latency?.p50 ?? 0) / 1000,
        "p99, s": (latency?.p99 ?? 0) / 1000,
        "all, s": ms / 1000,
        "CPU a client, µs": ((running.cpuMs - before) * 1000) / clients,
        "memory, MiB": running.residentKib / 1024,
      };
    });
    rows.push({ system: peer.name, clients, ...row });
  }
  const title = `${clients.toLocaleString("en")} clients come back at once, each ${BEHIND} messages of ${PAYLOAD_BYTES} B behind`;
  return { question: RECOVERY_STORM.name, title, rows };
}
