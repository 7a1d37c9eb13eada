// CPU time and memory of processes, from /proc. Source: proc(5).
import { readFileSync, readdirSync } from "node:fs";

/** One tick of the kernel's accounting, in ms: USER_HZ is 100 on all Linux systems. */
const TICK_MS = 10;

/** CPU time of a process, user and system, in ms. */
export function cpuMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The name in parentheses may contain spaces; the later fields do not.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

/** CPU time of processes and all their descendants, in ms, so that a server's workers count. */
export function familiesCpuMs(processes: readonly { readonly pid: number }[]): number {
  const pids = processes.flatMap(({ pid }) => familyOf(pid));
  return pids.reduce((sum, pid) => sum + cpuMs(pid), 0);
}

/** Resident memory of processes and all their descendants, in KiB. */
export function familiesResidentKib(processes: readonly { readonly pid: number }[]): number {
  const pids = processes.flatMap(({ pid }) => familyOf(pid));
  return pids.reduce((sum, pid) => sum + statusKib(pid, "VmRSS"), 0);
}

/** Anonymous memory of a process, in KiB: excludes mapped files. */
export function anonymousKib(pid: number): number {
  return statusKib(pid, "RssAnon");
}

/** A process and all its descendants. */
export function familyOf(pid: number): number[] {
  const children = readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, "utf8").trim().split(" "),
  );
  return [pid, ...children.filter((child) => child !== "").flatMap((child) => familyOf(+child))];
}

/** Kernel memory for all sockets of the machine, in KiB: buffer pages and socket structures. */
export function kernelSocketKib(): number {
  const sockstat = readFileSync("/proc/net/sockstat", "utf8");
  const pages = Number(/^TCP:.* mem (\d+)/m.exec(sockstat)?.[1] ?? 0);
  const slab = /^Slab:\s+(\d+)/m.exec(readFileSync("/proc/meminfo", "utf8"));
  return pages * 4 + Number(slab?.[1] ?? 0);
}

/** Available memory of the machine, in KiB. */
export function freeKib(): number {
  const meminfo = readFileSync("/proc/meminfo", "utf8");
  return Number(/^MemAvailable:\s+(\d+)/m.exec(meminfo)?.[1] ?? 0);
}

function statusKib(pid: number, field: string): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(new RegExp(`^${field}:\\s+(\\d+)`, "m").exec(status)?.[1] ?? 0);
}
