// Starts a process that would run for an hour, prints its pid, and keeps running.
import process from "node:process";
import { spawnTied } from "../../dist/tied-process.js";

const child = spawnTied("sleep", ["3600"], { stdio: "ignore", detached: true });
process.send?.(child.pid);
