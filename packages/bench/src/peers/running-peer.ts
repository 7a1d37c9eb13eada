// A running system with its own folder, and the cost of its processes.
import { Load, type LoadPlan } from "../load/load.ts";
import { median } from "../stats/percentile.ts";
import { familiesCpuMs, familiesResidentKib } from "../stats/process-stats.ts";
import type { BenchBins, Peer, StartedPeer } from "./peers.ts";
import { TempFolder } from "./shardcast-nodes.ts";

/**
 * The kernel reports CPU time in steps of 10 ms per process. A round lasts until it has used
 * ROUND_CPU_MS, where a step no longer matters, or for ROUND_MS.
 */
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

  /** Runs `work` with the system, then stops the system and its loads, also after an error. */
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

  /** Stops one of its loads, whose clients disconnect. */
  async disconnect(load: Load): Promise<void> {
    this.#loads.splice(this.#loads.indexOf(load), 1);
    await load.stop();
  }

  /**
   * Runs a load for some rounds.
   * @returns the processes' CPU time per delivery, in µs, as the median of the rounds
   */
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
