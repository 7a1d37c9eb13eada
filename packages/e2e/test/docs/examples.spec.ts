// Runs the programs in examples/ unchanged against real nodes.
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { connect, type Client } from "@shardcast/client";
import { eventually, spawnTied } from "@shardcast/faults";
import { TEST_PSK, TestCluster, type NodeProcess } from "@shardcast/e2e/nodes";
import { TOKEN_SECRET, tokenOf } from "@shardcast/e2e/tokens";
import { expect } from "chai";

const EXAMPLES = resolve("examples");

/** A program, started in a folder in which `npm start` has left its keys. */
class Program {
  stdout = "";
  stderr = "";
  readonly #child: ChildProcess;
  readonly #closed: Promise<unknown>;

  constructor(args: readonly string[], cwd: string, env: Readonly<Record<string, string>> = {}) {
    this.#child = spawnTied(process.execPath, args, {
      cwd,
      env: { ...process.env, NODE_OPTIONS: "", ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child.stdout?.setEncoding("utf8").on("data", (text: string) => (this.stdout += text));
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => (this.stderr += text));
    this.#closed = once(this.#child, "close");
  }

  /** Waits until stdout contains a text; rejects if the program exits first. */
  shows(pattern: RegExp): Promise<RegExpExecArray> {
    return eventually(`the program prints ${String(pattern)}`, () => {
      const found = pattern.exec(this.stdout);
      if (found === null && this.#child.exitCode !== null) {
        throw new Error(`the program ended: ${this.stdout}${this.stderr}`);
      }
      return found ?? undefined;
    });
  }

  /** Waits until the program exits without an error, and returns its output. */
  async output(): Promise<string> {
    await this.#closed;
    expect(this.#child.exitCode, this.stderr).to.equal(0);
    return this.stdout;
  }

  async stop(signal: NodeJS.Signals): Promise<void> {
    this.#child.kill(signal);
    await this.#closed;
  }
}

describe("examples", () => {
  let cluster: TestCluster;
  let producer: NodeProcess;
  let consumer: NodeProcess;
  let client: Client;
  let folder: string;

  before(async () => {
    cluster = await TestCluster.plan(2, { args: { "token-secret": TOKEN_SECRET } });
    [consumer] = await Promise.all([cluster.consumer(1), cluster.consumer(2)]);
    producer = await cluster.producer();
    client = await connect({ url: producer.url, psk: TEST_PSK });
    folder = join(cluster.dataFolder, "examples");
    mkdirSync(join(folder, "data"), { recursive: true });
    writeFileSync(join(folder, "data", "psk"), `${TEST_PSK}\n`);
    writeFileSync(join(folder, "data", "token-secret"), `${TOKEN_SECRET}\n`);
  });

  after(async () => {
    client.close();
    await cluster.stop();
  });

  function start(
    name: string,
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ): Program {
    return new Program([join(EXAMPLES, name), ...args], folder, env);
  }

  it("publish-and-follow.js gets what it publishes, in order", async () => {
    const output = await start("publish-and-follow.js", [consumer.httpUrl]).output();
    expect(output.replaceAll(/[0-9a-f]{16}/g, "<epoch>")).to.equal(
      [
        ...["stored at <epoch>_1", "stored at <epoch>_2", "stored at <epoch>_3"],
        ...["<epoch>_1 { title: 'one' }", "<epoch>_2 { title: 'two' }"],
        "<epoch>_3 { title: 'three' }\n",
      ].join("\n"),
    );
  });

  it("resume.js goes on after the position that it saved, however it ended", async () => {
    const { epoch } = await client.publish("orders", "one");
    const first = start("resume.js", [consumer.httpUrl]);
    await first.shows(/_1 one\n/);
    const file = join(folder, "data", "orders-position");
    await eventually("the position is saved", () => existsSync(file));
    await first.stop("SIGKILL");
    expect(first.stdout).to.equal(`following orders from earliest\n${epoch}_1 one\n`);
    await client.publish("orders", "two");
    const second = start("resume.js", [consumer.httpUrl]);
    await client.publish("orders", "three");
    await second.shows(/three\n/);
    await second.stop("SIGINT");
    expect(second.stdout).to.equal(
      `following orders from ${epoch}_1\n${epoch}_2 two\n${epoch}_3 three\n`,
    );
  });

  it("presence.js reports who joins and who leaves", async () => {
    const ann = start("presence.js", ["ann", consumer.httpUrl]);
    await ann.shows(/^1 in the room: ann$/m);
    const bob = start("presence.js", ["bob", consumer.httpUrl]);
    await bob.shows(/^2 in the room: (ann, bob|bob, ann)$/m);
    await ann.shows(/^bob joined$/m);
    await bob.stop("SIGINT");
    await ann.shows(/^bob left$/m);
    await ann.stop("SIGINT");
    await ann.output();
  });

  it("http.js gets what it publishes", async () => {
    const caps = [{ topics: ["chat/*"], allow: ["publish", "subscribe", "history"] }] as const;
    const env = { TOKEN: await tokenOf({ caps }) };
    const output = await start("http.js", [producer.httpUrl, consumer.httpUrl], env).output();
    expect(output).to.match(/^stored at ([0-9a-f]{16}_[0-9]+)\n[^]*^\1 hello\n$/m);
  });

  it("browser/ has a page that chats with a token from its back end", async () => {
    const server = start("browser/server.js", ["0"]);
    const [, address = ""] = await server.shows(/^(http:.*)\?user=ann$/m);
    await client.publish("chat/1", "bob: hello, ann");
    const url = encodeURIComponent(consumer.httpUrl);
    const runner = resolve("packages/e2e/test/docs/page-module.js");
    const args = ["--no-warnings", "--experimental-vm-modules", runner];
    const page = new Program([...args, `${address}?user=ann&url=${url}`, "hello, bob"], folder);
    await page.shows(/^bob: hello, ann\nann: hello, bob\n$/m);
    await page.stop("SIGINT");
    await server.stop("SIGINT");
  });
});
