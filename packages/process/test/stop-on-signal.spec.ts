// Real processes that are stopped by signals and whose log may have no reader.
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { expect } from "chai";

const DRAINER = join("packages", "process", "test", "support", "drainer.js");

describe("a process that is asked to stop", () => {
  const children: ChildProcess[] = [];

  afterEach(() => {
    for (const child of children.splice(0)) child.kill("SIGKILL");
  });

  async function start(lineCount = 0): Promise<ChildProcess> {
    const child = fork(DRAINER, [String(lineCount)], {
      execArgv: [],
      stdio: ["ignore", "pipe", "pipe", "ipc"],
    });
    children.push(child);
    await once(child.stdout as NodeJS.EventEmitter, "readable");
    return child;
  }

  async function stopped(child: ChildProcess, signal: NodeJS.Signals): Promise<unknown[]> {
    const messages: unknown[] = [];
    child.on("message", (message) => messages.push(message));
    const exited = once(child, "exit");
    child.kill(signal);
    const how = (await exited) as unknown[];
    return [...how, ...messages];
  }

  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR2"] as const) {
    it(`drains on ${signal}, and ends with 0`, async () => {
      const child = await start();
      child.stdout?.resume();

      expect(await stopped(child, signal)).to.deep.equal([0, null, "drained"]);
    });
  }

  it("drains when the process that supervises it is gone", async () => {
    const child = await start();
    const exited = once(child, "exit");
    child.disconnect();

    expect(await exited).to.deep.equal([0, null]);
  });

  it("ends though the reader of its log is gone", async () => {
    const child = await start();
    child.stdout?.destroy();
    child.stderr?.destroy();

    expect(await stopped(child, "SIGTERM")).to.deep.equal([0, null, "drained"]);
  });

  it("ends though the reader of its log does not read", async () => {
    const child = await start(10_000);

    expect(await stopped(child, "SIGTERM")).to.deep.equal([0, null, "drained"]);
  });

  it("logs how many lines its slow reader missed", async () => {
    const child = await start(10_000);
    let log = "";
    child.stdout?.setEncoding("utf8").on("data", (text: string) => (log += text));
    while (!log.includes("lines were dropped")) await once(child.stdout ?? child, "data");
    const line = log.split("\n").find((text) => text.includes("lines were dropped")) ?? "";

    const { count } = JSON.parse(line) as { count: number };
    expect(log.match(/x{1000}/g)?.length).to.equal(10_000 - count);
  });
});
