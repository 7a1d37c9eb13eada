// What a process has cost so far, from /proc. Source: proc(5).
import { readFileSync } from "node:fs";

/** One tick of the kernel's accounting, in ms: USER_HZ is 100 wherever Linux runs. */
const TICK_MS = 10;

/** CPU time of a process, user and system, in ms. */
export function cpuMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The name in brackets may have blanks; what follows has none.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

/** Memory of a process that is its own, in KiB: not what it has mapped of files. */
export function anonymousKib(pid: number): number {
  return statusKib(pid, "RssAnon");
}

function statusKib(pid: number, field: string): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(new RegExp(`^${field}:\\s+(\\d+)`, "m").exec(status)?.[1] ?? 0);
}
