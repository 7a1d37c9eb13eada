// The command shardcast-concierge: its settings, and its one-line error messages.
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { expect } from "chai";
import { spawnTied } from "@shardcast/faults";

const BIN = join("packages", "switchboard", "bin", "concierge.js");
const SECRET = "the secret of the postbacks";

interface Ended {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command without input until it ends. */
async function run(env: Readonly<Record<string, string>>, args: string[] = []): Promise<Ended> {
  const child = spawnTied(process.execPath, [BIN, ...args], {
    env: { PATH: process.env["PATH"] ?? "", ...env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  let [stdout, stderr] = ["", ""];
  child.stdout?.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  // The command runs until its input ends, and then as long as it listens.
  child.stdout?.on("data", () => child.kill());
  child.stdin?.end();
  await once(child, "close");
  return { exitCode: child.exitCode, stdout, stderr };
}

describe("shardcast-concierge", () => {
  it("says in one line what it cannot use, and ends with 1", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    const { port } = taken.address() as AddressInfo;
    const good = { CONCIERGE_POSTBACK_SECRET_KEY: SECRET, CONCIERGE_PORT: "0" };
    for (const [env, args, fault] of [
      [{ ...good, CONCIERGE_POSTBACK_SECRET_KEY: "" }, [], /SHARDCAST_KEY_MISSING/],
      [{ ...good, CONCIERGE_POSTBACK_SECRET_KEY: "short" }, [], /the minimum is 16/],
      [
        { ...good, CONCIERGE_PORT: "abc" },
        [],
        /CONCIERGE_PORT must be a whole number from 0 to 65535/,
      ],
      [{ ...good, CONCIERGE_PORT: " " }, [], /CONCIERGE_PORT must be a whole number/],
      [{ ...good, CONCIERGE_PORT: "70000" }, [], /CONCIERGE_PORT must be a whole number/],
      [{ ...good, CONCIERGE_PORT: String(port) }, [], /SHARDCAST_PORT_TAKEN/],
      [{ ...good, SWITCHBOARD_URL: "nonsense" }, [], /SWITCHBOARD_URL nonsense is not an http/],
      [good, ["--port", "5556"], /unknown argument: --port/],
    ] as const) {
      const { exitCode, stdout, stderr } = await run(env, [...args]);
      expect(stderr)
        .to.match(fault)
        .and.match(/^shardcast-concierge: .*\n$/);
      expect([exitCode, stdout]).to.deep.equal([1, ""]);
    }
    taken.close();
  });

  it("listens where its variables can be used, and tells them with --help", async () => {
    const { stdout } = await run({ CONCIERGE_POSTBACK_SECRET_KEY: SECRET, CONCIERGE_PORT: "0" });
    expect(stdout).to.match(/^listening on http:\/\/127\.0\.0\.1:\d+/);
    const helped = await run({}, ["--help"]);
    expect(helped.stdout).to.include("CONCIERGE_PORT");
  });
});
