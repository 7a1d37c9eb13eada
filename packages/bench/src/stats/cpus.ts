// Servers run on the first CPU, load generators on all others: neither is measured with the other's work.
import { availableParallelism } from "node:os";

const COUNT = availableParallelism();

/** The command in front of a server's; empty where there is but one CPU. */
export function serverCpus(): string[] {
  return COUNT > 1 ? ["taskset", "--cpu-list", "0"] : [];
}

export function loadCpus(): string[] {
  return COUNT > 1 ? ["taskset", "--cpu-list", `1-${COUNT - 1}`] : [];
}
