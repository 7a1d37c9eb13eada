// Servers run on the first CPU, load generators on all others, so that the load does not distort
// the servers' figures.
import { availableParallelism } from "node:os";

const COUNT = availableParallelism();

/** The prefix for a server's command; empty on a machine with one CPU. */
export function serverCpus(): string[] {
  return COUNT > 1 ? ["taskset", "--cpu-list", "0"] : [];
}

export function loadCpus(): string[] {
  return COUNT > 1 ? ["taskset", "--cpu-list", `1-${COUNT - 1}`] : [];
}
