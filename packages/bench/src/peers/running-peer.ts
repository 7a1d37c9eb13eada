// A system that runs, in a folder of its own, with what its processes have cost.
import { Load, type LoadPlan } from "../load/load.ts";
import { median } from "../stats/percentile.ts";
import { familiesCpuMs, familiesResidentKib } from "../stats/process-stats.ts";
import type { BenchBins, Peer, StartedPeer } from "./peers.ts";
import { TempFolder } from "./shardcast-nodes.ts";

/** The kernel tells CPU time in steps of 10 ms a process: a round goes on until that is little of it, or for so long. */
const ROUND_CPU_MS = 400;
const ROUND_MS = 5000;

export class RunningPeer {
  readonly #started: StartedPeer;
  readonly #load: URL;
  readonly #loads: Load[] = [];

  private constructor(started: StartedPeer, load: URL) {
    this.#started = started;
    this.#load = load;
  }

  /** Runs `work` with the system, and ends it and its load whatever comes. */
  static async use<Result>(
    peer: Peer,
    bins: BenchBins,
    work: (running: RunningPeer) => Promise<Result>,
    hops: "one" | "two" = "one",
  ): Promise<Result> {
    const folder = new TempFolder();
    let running: RunningPeer | undefined;
    try {
      running = new RunningPeer(await peer.start(bins, folder.path, hops), bins.load);
      return await work(running);
    } finally {
      await running?.stop();
      folder.remove();
    }
  }

  get port(): number {
    return this.#started.port;
  }

  get ports(): { readonly port: number; readonly producerPort?: number } {
    const { port, producerPort } = this.#started;
    return producerPort === undefined ? { port } : { port, producerPort };
  }

  /** CPU time of all its processes so far, in ms. */
  get cpuMs(): number {
    return familiesCpuMs(this.#started.processes);
  }

  /** Resident memory of all its processes, in KiB. */
  get residentKib(): number {
    return familiesResidentKib(this.#started.processes);
  }

  async connect(plan: LoadPlan): Promise<Load> {
    const load = await Load.connect(this.#load, plan);
    this.#loads.push(load);
    return load;
  }

  /** Ends one of its loads: its clients are gone. */
  async disconnect(load: Load): Promise<void> {
    this.#loads.splice(this.#loads.indexOf(load), 1);
    await load.stop();
  }

  /** Has a load run some rounds. @returns CPU time of its processes a delivery, in µs: of the middle round */
  async cpuEach(load: Load, rounds: number): Promise<number> {
    const costs: number[] = [];
    for (let round = 0; round < rounds; round += 1) costs.push(await this.#cpuOfRound(load));
    return median(costs);
  }

  async #cpuOfRound(load: Load): Promise<number> {
    const before = this.cpuMs;
    const begin = performance.now();
    let deliveries = 0;
    do {
      deliveries += (await load.run()).count;
    } while (this.cpuMs - before < ROUND_CPU_MS && performance.now() - begin < ROUND_MS);
    return ((this.cpuMs - before) * 1000) / deliveries;
  }

  async stop(): Promise<void> {
    for (const load of this.#loads) await load.stop();
    for (const process of this.#started.processes) await process.stop();
  }
}
