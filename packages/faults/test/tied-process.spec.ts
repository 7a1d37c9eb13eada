import { fork } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";

const STARTER = join("packages", "faults", "test", "support", "starter.js");

describe("a process that is tied to the one that started it", () => {
  it("is gone when that one was killed", async function () {
    if (process.platform !== "linux") this.skip();
    const starter = fork(STARTER, { execArgv: [] });
    const [pid] = (await once(starter, "message")) as [number];
    expect(isRunning(pid)).to.be.true;
    starter.kill("SIGKILL");

    while (isRunning(pid)) await new Promise((resolve) => setTimeout(resolve, 10));
  });
});

/** Whether a process runs. A zombie does not count as running. */
function isRunning(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(")") + 2));
  } catch {
    return false;
  }
}
