// `shardcast up` with real processes.
import { spawn } from "node:child_process";
import { existsSync, readFileSync, statSync, writeFileSync, mkdirSync } from "node:fs";
import { createServer } from "node:net";
import { once } from "node:events";
import { expect } from "chai";
import { claimPorts } from "../src/ports.ts";
import { BIN, Command, TempFolder, UpCommand, eventually, isRunning } from "./support.ts";

/** The minimum number of nodes, for tests where the number does not matter. */
const SMALL = ["--producers", "1", "--consumers", "1"];
const hasProc = existsSync("/proc/self/environ");

describe("shardcast up", () => {
  const folder = new TempFolder();
  const commands: Command[] = [];
  let count = 0;

  function up(args: readonly string[] = [], env: Readonly<Record<string, string>> = {}): UpCommand {
    count += 1;
    return upIn(folder.join(`data-${count}`), args, env);
  }

  function upIn(
    data: string,
    args: readonly string[] = [],
    env: Readonly<Record<string, string>> = {},
  ): UpCommand {
    const command = new UpCommand(data, args, env);
    commands.push(command);
    return command;
  }

  async function nodesGone(command: UpCommand): Promise<void> {
    await eventually("all nodes are gone", () => !command.nodePids.some(isRunning) || undefined);
  }

  afterEach(async () => {
    // A graceful stop, so that coverage is written. After a failed test, a process may not stop gracefully.
    for (const command of commands.splice(0)) {
      if (!command.isAlive) continue;
      const timer = setTimeout(() => void command.stop("SIGKILL"), 5000);
      await command.stop();
      clearTimeout(timer);
    }
  });

  after(() => folder.remove());

  it("starts as many nodes as it is told, makes a key for their owner alone, and tells when all are ready", async () => {
    const data = folder.join("first");
    const command = await upIn(data, ["--producers", "1", "--consumers", "3"]).ready();

    expect(command.urls("producers")).to.have.lengthOf(1);
    expect(command.urls("consumers")).to.have.lengthOf(3);
    for (const url of [...command.urls("producers"), ...command.urls("consumers")]) {
      expect((await fetch(`${url}/readyz`)).status).to.equal(200);
    }
    expect(readFileSync(folder.join("first", "psk"), "utf8")).to.match(/^[A-Za-z0-9_-]{43}\n$/);
    expect(statSync(folder.join("first", "psk")).mode & 0o777).to.equal(0o600);
    expect(statSync(data).mode & 0o777).to.equal(0o700);
    for (const id of ["p1", "c1", "c2", "c3"]) {
      expect(readFileSync(folder.join("first", "logs", `${id}.log`), "utf8")).to.include(
        '"listening"',
      );
    }
    expect(command.stderr).to.equal("");
  });

  it("tells commands to try it that work where it runs, in the repository and outside", async () => {
    const inside = await up(SMALL).ready();
    expect(inside.stdout).to.match(/^ {2}npm run TOPIC -- news --producer ws:/m);

    const elsewhere = folder.join("elsewhere");
    mkdirSync(elsewhere);
    const outside = new UpCommand("data", SMALL, {}, elsewhere);
    commands.push(outside);
    await outside.ready();
    await outside.said(/^Ctrl-C/m);
    expect(outside.stdout).not.to.include("npm ");
    const hinted = [...outside.stdout.matchAll(/^ {2}shardcast (\w+ news .*)$/gm)].map(
      ([, line = ""]) => new Command(line.split(" "), {}, elsewhere),
    );
    commands.push(...hinted);
    const [subscriber, publisher] = hinted;
    expect(hinted).to.have.length(2);
    // Messages that are stored before the subscription starts do not reach it.
    const timer = setInterval(() => publisher?.say("hello\n"), 200);
    await subscriber?.said(/^(hello)$/m);
    clearInterval(timer);
  });

  it("starts a node again that died, on the same port, and the cluster is whole again", async () => {
    const command = await up().ready();
    const [url = ""] = command.urls("consumers");
    const pid = command.pidOf("c1");

    process.kill(pid, "SIGKILL");
    await command.said(/^c1 +died +SIGKILL; it restarts/m);
    await eventually("c1 has another process", () => command.pidOf("c1") !== pid || undefined);

    expect((await fetch(`${url}/healthz`)).status).to.equal(200);
    expect(command.isAlive).to.be.true;
    // The other nodes report that they lost c1; the supervisor shows the death only once.
    expect(command.stdout).not.to.match(/^\w+ +warn/m);
  });

  it("stops all nodes on SIGTERM and ends with 0", async () => {
    const command = await up().ready();

    await command.stop("SIGTERM");

    expect(command.exitCode).to.equal(0);
    expect(command.stdout).to.match(/stopped\n$/);
    expect(command.nodePids).to.have.lengthOf(4);
    expect(command.nodePids.filter(isRunning)).to.deep.equal([]);
  });

  it("stops all nodes on Ctrl-C, which reaches none of them by itself", async () => {
    const command = await up().ready();

    command.interrupt();
    await command.ended;

    expect(command.exitCode).to.equal(0);
    expect(command.nodePids.filter(isRunning)).to.deep.equal([]);
    for (const id of ["p1", "p2", "c1", "c2"]) {
      const log = readFileSync(folder.join(`data-${count}`, "logs", `${id}.log`), "utf8");
      expect(log).to.include('"reason":"SIGTERM"').and.not.to.include('"reason":"SIGINT"');
    }
  });

  it("kills a node that does not stop in time, and says so", async () => {
    const command = await up([...SMALL, "--drain-timeout", "0"]).ready();
    process.kill(command.pidOf("c1"), "SIGSTOP");

    await command.stop();

    expect(command.exitCode).to.equal(0);
    expect(command.stdout).to.match(/^c1 .*was killed$/m);
    expect(command.nodePids.filter(isRunning)).to.deep.equal([]);
  });

  it("ends everything at once on a second Ctrl-C", async () => {
    const command = await up(SMALL).ready();
    process.kill(command.pidOf("c1"), "SIGSTOP");

    command.interrupt();
    await command.said(/^stopping/m);
    // Within half a second a further signal counts as the same: npm may forward the Ctrl-C.
    const timer = setInterval(() => command.interrupt(), 50);
    await command.ended;
    clearInterval(timer);

    expect(command.exitCode).to.equal(130);
    await nodesGone(command);
  });

  it("leaves no node behind when it is killed itself", async () => {
    const command = await up().ready();

    await command.stop("SIGKILL");

    await nodesGone(command);
  });

  it("stops with npm, which stops only the shell between the two", async function () {
    if (process.platform === "win32") this.skip();
    const data = folder.join("npm");
    const args = ["up", "--port", "0", "--data", data, ...SMALL];
    // A further command after the last one keeps the shell running.
    const shell = spawn("sh", ["-c", '"$0" "$@"; exit 1', process.execPath, BIN, ...args], {
      env: { ...process.env, npm_lifecycle_event: "start" },
      stdio: ["ignore", "pipe", "inherit"],
    });
    let stdout = "";
    shell.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    await eventually("the cluster is ready", () => stdout.includes("Ready"));

    shell.kill("SIGTERM");
    // Its output ends when the last process that holds it has ended.
    await once(shell, "close");

    expect(stdout).to.match(/stopped\n$/);
  });

  it("names a taken port in one line, and starts nothing", async () => {
    const [port = 0] = await claimPorts("127.0.0.1", [0]);
    const server = createServer().listen(port, "127.0.0.1");
    await once(server, "listening");
    // The taken port is the last one that the command checks.
    const first = port - 101;
    const command = new Command(["up", "--port", String(first), "--data", folder.join("taken")]);
    commands.push(command);

    await command.ended;
    server.close();

    expect(command.exitCode).to.equal(1);
    expect(command.stderr).to.equal(
      `shardcast: another process uses port ${port} (SHARDCAST_PORT_TAKEN)\n`,
    );
    expect(command.stdout).not.to.include("pid");
  });

  it("tells in one line why a node cannot be started, and leaves none running", async () => {
    const command = up(SMALL, { SHARDCAST_HEARTBEAT_INTERVAL: "1" });

    await command.ended;

    expect(command.exitCode).to.equal(1);
    expect(command.stderr).to.match(
      /^shardcast: \w+ did not start: .*--heartbeat-interval .*\(SHARDCAST_OPTION_INVALID\)\n$/,
    );
    expect(command.nodePids.filter(isRunning)).to.deep.equal([]);
  });

  it("shares the key with another cluster on the same folder, and keeps it as it is", async () => {
    const data = folder.join("shared");
    // Both start together: one of them creates the key.
    const inMemory = [...SMALL, "--log", "memory"];
    const [one, two] = await Promise.all([
      upIn(data, inMemory).ready(),
      upIn(data, inMemory).ready(),
    ]);
    const key = readFileSync(folder.join("shared", "psk"), "utf8");

    for (const url of [...one.urls("consumers"), ...two.urls("consumers")]) {
      const args = ["--url", url, "--psk", key.trim()];
      const publish = new Command(["publish", "news", "hi", ...args]);
      await publish.ended;
      expect(publish.stderr).to.equal("");
      expect(publish.exitCode).to.equal(0);
    }
    expect(`${one.stdout}${two.stdout}`.match(/created a random key/g)).to.have.lengthOf(1);
  });

  it("refuses a data folder that another cluster uses, in one line", async () => {
    const data = folder.join("taken");
    await upIn(data, SMALL).ready();
    const second = upIn(data, SMALL);
    await second.ended;

    expect(second.exitCode).to.equal(1);
    expect(second.stderr).to.match(/^shardcast: .*another process uses .*DATA_LOCKED\)\n$/);
  });

  it("keeps messages from one run to the next", async () => {
    const data = folder.join("kept");
    const first = await upIn(data, SMALL).ready();
    const psk = readFileSync(folder.join("kept", "psk"), "utf8").trim();
    const publish = new Command([
      ...["publish", "news", "hi"],
      ...["--url", first.urls("consumers")[0] ?? "", "--psk", psk],
    ]);
    await publish.ended;
    await first.stop();
    const second = await upIn(data, SMALL).ready();
    const subscribe = new Command([
      ...["subscribe", "news", "--from", "earliest", "--count", "1"],
      ...["--url", second.urls("consumers")[0] ?? "", "--psk", psk],
    ]);
    await subscribe.ended;
    expect(subscribe.stdout).to.include("hi");
  });

  for (const [what, content, fault] of [
    ["empty", "\n \n", "is empty"],
    ["a folder", undefined, "cannot be read"],
  ] as const) {
    it(`refuses a key file that is ${what}, in one line`, async () => {
      const file = folder.join(`key-${what}`);
      if (content === undefined) mkdirSync(file);
      else writeFileSync(file, content);
      const command = up(["--psk-file", file]);

      await command.ended;

      expect(command.exitCode).to.equal(1);
      expect(command.stderr)
        .to.include(`${file} ${fault}`)
        .and.match(/^.*KEY_MISSING\)\n$/);
    });
  }

  it("gives the key to the nodes neither by their arguments nor by their environment", async function () {
    if (!hasProc) this.skip();
    const data = folder.join("hidden");
    const command = await upIn(data, [...SMALL, "--psk-file", folder.join("hidden", "key")], {
      PSK: "a key of the environment",
    }).ready();
    const key = readFileSync(folder.join("hidden", "key"), "utf8").trim();

    for (const pid of command.nodePids) {
      const told = ["cmdline", "environ"].map((name) =>
        readFileSync(`/proc/${pid}/${name}`, "utf8"),
      );
      expect(told.join("")).to.include("--psk-file").and.not.to.include(key);
      expect(told.join("")).not.to.include("a key of the environment");
    }
  });

  it("takes the key of PSK where no file is named, and then makes none", async () => {
    const data = folder.join("from-env");
    const command = await upIn(data, SMALL, { PSK: "the key of the tests" }).ready();
    const [url = ""] = command.urls("consumers");
    const publish = new Command(["publish", "news", "hi", "--url", url], {
      PSK: "the key of the tests",
    });
    await publish.ended;

    expect(publish.exitCode).to.equal(0);
    expect(existsSync(folder.join("from-env", "psk"))).to.be.false;
  });

  it("passes --legacy-protocol on", async function () {
    if (!hasProc) this.skip();
    const command = await up([...SMALL, "--legacy-protocol"]).ready();

    for (const pid of command.nodePids) {
      expect(readFileSync(`/proc/${pid}/cmdline`, "utf8")).to.include("--legacy-protocol");
    }
  });

  it("shows its options", async () => {
    const command = await new Command(["up", "--help"]).end();

    expect(command.exitCode).to.equal(0);
    for (const name of ["producers", "consumers", "port", "log", "data", "host", "psk-file"]) {
      expect(command.stdout).to.include(`--${name} `);
    }
  });

  for (const [args, fault] of [
    [["--prot", "1"], "Unknown argument: prot"],
    [["--port", "65500"], "--port 65500"],
  ] as const) {
    it(`refuses ${args.join(" ")} in one line`, async () => {
      const command = await new Command(["up", ...args]).end();

      expect(command.exitCode).to.equal(1);
      expect(command.stderr)
        .to.include(fault)
        .and.match(/^shardcast: .*OPTION_INVALID\)\n$/);
      expect(command.stdout).to.equal("");
    });
  }
});
