// A process that ends when its parent ends, even if the parent is killed.
import { spawn, type ChildProcess, type SpawnOptions } from "node:child_process";
import { existsSync } from "node:fs";

/** Part of util-linux. */
const SETPRIV = "/usr/bin/setpriv";

/**
 * Like `spawn`. On Linux, the kernel kills the process when this one ends (prctl,
 * PR_SET_PDEATHSIG).
 */
export function spawnTied(
  command: string,
  args: readonly string[],
  options: SpawnOptions,
): ChildProcess {
  if (!existsSync(SETPRIV)) return spawn(command, args, options);
  return spawn(SETPRIV, ["--pdeathsig", "KILL", command, ...args], options);
}
