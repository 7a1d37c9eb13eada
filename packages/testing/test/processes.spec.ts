// Runs the package in processes of its own, as users' tests do.
import { expect } from "chai";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const SUPPORT = join("packages", "testing", "test", "support");
const MOCHA = join("node_modules", "mocha", "bin", "mocha.js");

/** Runs Node without the options of this process. @returns the output */
async function node(...args: string[]): Promise<string> {
  const own = Object.entries(process.env).filter(([name]) => name !== "NODE_OPTIONS");
  const { stdout } = await run(process.execPath, args, { env: Object.fromEntries(own) });
  return stdout;
}

describe("a process that has closed its clusters", () => {
  it("has no open sockets or timers, no more listeners, and no output of the nodes", async () => {
    const stdout = await node(join(SUPPORT, "open-and-close.js"));
    expect(stdout).to.equal('SHARDCAST_OPTION_INVALID\n{"open":[],"isSame":true}\n');
  });

  it("ends under mocha without --exit", async () => {
    const stdout = await node(MOCHA, "--no-config", join(SUPPORT, "mocha-user.js"));
    expect(stdout).to.include("1 passing");
  });

  it("ends under node:test, where require loads the package", async () => {
    const stdout = await node("--test", join(SUPPORT, "node-user.cjs"));
    expect(stdout).to.match(/pass 1\n/);
  });
});
