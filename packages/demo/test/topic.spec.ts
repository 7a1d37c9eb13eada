// Tests `npm run TOPIC` with real processes: the demo, and the nodes that it uses.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { TEST_PSK, TestCluster, type NodeProcess } from "@shardcast/e2e/nodes";
import { TopicProcess } from "./support/topic-process.ts";

/** Runs a command in a new terminal. */
const PTY_COMMAND = "script";

describe("npm run TOPIC", () => {
  let cluster: TestCluster;
  let producerPort: number;
  let producer: NodeProcess;
  let consumer: NodeProcess;
  let reach: readonly string[];
  const demos: TopicProcess[] = [];

  before(async () => {
    cluster = await TestCluster.plan(1);
    consumer = await cluster.consumer(1);
    producer = await cluster.producer({ args: { id: "p1" } });
    producerPort = Number(new URL(producer.url).port);
    reach = ["--producer", producer.url, "--consumer", consumer.url];
  });

  afterEach(async () => {
    for (const demo of demos.splice(0)) if (demo.isAlive) await demo.stop("SIGKILL");
  });

  after(() => cluster.stop());

  function startProducer(): Promise<NodeProcess> {
    return cluster.producer({ args: { id: "p1", port: producerPort } });
  }

  function demo(topic: string, ...args: string[]): TopicProcess {
    const process = new TopicProcess([topic, ...reach, ...args], { env: { PSK: TEST_PSK } });
    demos.push(process);
    return process;
  }

  it("lets two of them talk to each other", async () => {
    const ana = demo("talk", "--name", "ana", "--from", "earliest");
    const ben = demo("talk", "--from", "earliest");

    ana.write("hello\n");
    await ben.shows("ana: hello\n");
    ben.write("hi\n");
    await ana.shows("\nhi\n");

    await ana.end();
    await ben.end();
    expect(ana.stdout).to.equal("ana: hello\nhi\n");
    expect(ben.stdout).to.equal("ana: hello\nhi\n");
    expect([ana.exitCode, ben.exitCode]).to.deep.equal([0, 0]);
  });

  it("publishes a pipe's lines, shows them on stdout and all else on stderr, and ends with 0", async () => {
    const { stdout, stderr, exitCode } = await demo("pipe").end("hi\n");

    expect(stdout).to.equal("hi\n");
    expect(stderr).to.equal(`connected to p1 (${producer.url}) and c1 (${consumer.url})\n`);
    expect(exitCode).to.equal(0);
  });

  it("keeps the order of many lines, the empty ones and the unfinished last one too", async () => {
    const lines = [
      "first",
      "",
      ...Array.from({ length: 3000 }, (_, index) => `line ${index}`),
      "last",
    ];

    const { stdout, exitCode } = await demo("many").end(lines.join("\n"));

    expect(stdout).to.equal(`${lines.join("\n")}\n`);
    expect(exitCode).to.equal(0);
  });

  it("begins where --from says", async () => {
    await demo("past").end("one\ntwo\nthree\n");

    expect((await demo("past", "--from", "earliest").end("four")).stdout).to.equal(
      "one\ntwo\nthree\nfour\n",
    );
    expect((await demo("past", "--from", "last:1").end("five")).stdout).to.equal("four\nfive\n");
    expect((await demo("past").end("six")).stdout).to.equal("six\n");
  });

  it("shows no control character of a message as it is", async () => {
    const { stdout } = await demo("unsafe", "--name", "\u202eana").end("\x1b[2J\x07 \u009b\r\n");

    expect(stdout).to.equal(`${String.raw`\u{202e}ana: \u{1b}[2J\u{7} \u{9b}`}\n`);
  });

  it("goes on when a consumer was killed and is back, and loses nothing", async () => {
    const ana = demo("restart");
    const ben = demo("restart");
    await ana.tells("connected to");
    await ben.tells("connected to");
    ana.write("before\n");
    await Promise.all([ana.shows("before\n"), ben.shows("before\n")]);

    await consumer.stop("SIGKILL");
    await Promise.all([ana.tells("lost c1"), ben.tells("lost c1")]);
    ana.write("meanwhile\n");
    consumer = await cluster.consumer(1);
    await Promise.all([ana.shows("meanwhile\n"), ben.shows("meanwhile\n")]);
    ben.write("after\n");
    await Promise.all([ana.shows("after\n"), ben.shows("after\n")]);

    for (const one of [ana, ben]) {
      const { stdout, stderr, exitCode } = await one.end();
      expect(stdout).to.equal("before\nmeanwhile\nafter\n");
      expect(stderr).not.to.include("gap");
      expect(exitCode).to.equal(0);
    }
  });

  it("shows the gap where a consumer that keeps its log in memory was killed", async () => {
    await consumer.stop("SIGKILL");
    consumer = await cluster.consumer(1, { args: { log: "memory" } });
    const ana = demo("forgetful");
    ana.write("before\n");
    await ana.shows("before\n");

    await consumer.stop("SIGKILL");
    consumer = await cluster.consumer(1, { args: { log: "memory" } });
    await ana.tells("gap: ");
    expect((await ana.end("after\n")).stdout).to.equal("before\nafter\n");
    await consumer.stop("SIGTERM");
    consumer = await cluster.consumer(1);
  });

  it("goes on when a producer was killed and is back, and loses nothing", async () => {
    const ana = demo("producer");
    ana.write("before\n");
    await ana.shows("before\n");

    await producer.stop("SIGKILL");
    await ana.tells("lost p1");
    ana.write("meanwhile\n");
    producer = await startProducer();
    await ana.shows("meanwhile\n");

    expect((await ana.end("after\n")).stdout).to.equal("before\nmeanwhile\nafter\n");
    expect(ana.exitCode).to.equal(0);
    expect(ana.stderr)
      .to.match(/lost p1[^]*connected to p1/)
      .and.not.to.include("gap");
  });

  it("leaves on SIGTERM with 0", async () => {
    const ana = demo("leave");
    ana.write("hello\n");
    await ana.shows("hello\n");

    expect((await ana.stop("SIGTERM")).exitCode).to.equal(0);
  });

  it("reads the key of a file", async () => {
    const folder = mkdtempSync(join(tmpdir(), "shardcast-topic-"));
    const file = join(folder, "psk");
    writeFileSync(file, `${TEST_PSK}\n`);

    const args = ["file", ...reach, "--psk-file", file];
    const { stdout } = await new TopicProcess(args, { env: { PSK: "another" } }).end("hi\n");
    rmSync(folder, { recursive: true });

    expect(stdout).to.equal("hi\n");
  });

  it("takes nodes as a list or one by one, and any of them that is up", async () => {
    const nobody = "ws://127.0.0.1:1";
    const args = ["--producer", `${nobody},${producer.url}`, "--consumer", nobody];
    const { stdout, exitCode } = await new TopicProcess(
      ["lists", ...args, "--consumer", consumer.url],
      { env: { PSK: TEST_PSK } },
    ).end("hi\n");

    expect(stdout).to.equal("hi\n");
    expect(exitCode).to.equal(0);
  });

  for (const [what, args, fault] of [
    ["a wrong key", ["news", "--psk", "wrong"], "HANDSHAKE_FAILED"],
    ["an unknown option", ["news", "--fast"], "OPTION_INVALID"],
    ["an unusable address", ["news", "--consumer", "here"], "OPTION_INVALID"],
  ] as const) {
    it(`refuses ${what} in one line`, async () => {
      const given = new TopicProcess([...reach, ...args], { env: { PSK: TEST_PSK } });
      const { stdout, stderr, exitCode } = await given.end("hi\n");

      expect(exitCode).to.equal(1);
      expect(stderr).to.match(new RegExp(`^TOPIC: .*\\(SHARDCAST_${fault}\\)\n$`));
      expect(stdout).to.equal("");
    });
  }

  it("says in one line how to run a cluster where none can be reached", async () => {
    const nobody = ["--producer", "ws://127.0.0.1:1", "--consumer", "ws://127.0.0.1:1"];
    const { stderr, exitCode } = await new TopicProcess(["--psk", "x", ...nobody]).end("hi\n");

    expect(exitCode).to.equal(1);
    expect(stderr).to.match(/^TOPIC: .*npm start.*\n$/);
  });

  it("ends with one line when the cluster's key is no longer its own", async () => {
    const ana = demo("rotated");
    await ana.tells("connected to");

    await producer.stop("SIGKILL");
    const other = await cluster.producer({
      args: { id: "p1", port: producerPort },
      env: { PSK: "another key of the tests" },
    });
    await ana.ended;
    await other.stop("SIGTERM");
    producer = await startProducer();

    expect(ana.exitCode).to.equal(1);
    expect(ana.stderr).to.match(/\nTOPIC: .*\(SHARDCAST_HANDSHAKE_FAILED\)\n$/);
  });

  it("shows its options, and the topic that it takes where none is named", async () => {
    const { stdout, exitCode } = await new TopicProcess(["--help"]).end();

    expect(exitCode).to.equal(0);
    for (const text of ["--producer", "--consumer", "--psk", "--from", "topic0"]) {
      expect(stdout).to.include(text);
    }
  });

  describe("in a terminal", () => {
    before(function () {
      // Part of util-linux; on other systems `script` takes different arguments.
      const { error, stdout } = spawnSync(PTY_COMMAND, ["--version"], { encoding: "utf8" });
      if (error !== undefined || !stdout.includes("util-linux")) this.skip();
    });

    function terminal(topic: string): TopicProcess {
      const process = new TopicProcess([topic, ...reach, "--psk", TEST_PSK], {
        wrap: (command) => [PTY_COMMAND, "-qec", command.map(quoted).join(" "), "/dev/null"],
      });
      demos.push(process);
      return process;
    }

    it("shows others' messages above the line that is being typed, and receipts of one's own", async () => {
      const ana = terminal("tty");
      await ana.shows("> ");
      ana.write("half a li");
      await ana.shows("half a li");
      await demo("tty").end("from a pipe\n");
      await ana.shows("#1 from a pipe");
      ana.write("ne\r");
      await ana.shows("#2 stored");
      // Ctrl-D.
      ana.write("\x04");
      await ana.ended;

      expect(ana.exitCode).to.equal(0);
      expect(ana.stdout).to.match(/#1 from a pipe\r\n[^]*half a li/);
      expect((await demo("tty", "--from", "last:1").end("x")).stdout).to.equal("half a line\nx\n");
    });

    it("leaves on Ctrl-C with 0", async () => {
      const ana = terminal("tty-leave");
      await ana.shows("> ");
      ana.write("\x03");
      await ana.ended;

      expect(ana.exitCode).to.equal(0);
    });
  });
});

function quoted(argument: string): string {
  return `'${argument.replaceAll("'", String.raw`'\''`)}'`;
}
