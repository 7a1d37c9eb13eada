// Runs the programs in examples/ unchanged against real nodes.
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { connect, type Client } from "@shardcast/client";
import type { Page } from "playwright-core";
import { eventually, spawnTied } from "@shardcast/faults";
import { describeWith } from "@shardcast/faults/testing";
import { openPages, type BrowserPages } from "@shardcast/e2e/browser";
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

/** A folder with the keys that `npm start` makes. */
function folderWithKeys(cluster: TestCluster): string {
  const folder = join(cluster.dataFolder, "examples");
  mkdirSync(join(folder, "data"), { recursive: true });
  writeFileSync(join(folder, "data", "psk"), `${TEST_PSK}\n`);
  writeFileSync(join(folder, "data", "token-secret"), `${TOKEN_SECRET}\n`);
  return folder;
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
    folder = folderWithKeys(cluster);
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

describeWith(["chromium"], "examples/react", function () {
  this.timeout(60_000);
  const args = { "token-secret": TOKEN_SECRET, "presence-timeout": 1000 };
  let cluster: TestCluster;
  let node: NodeProcess;
  let server: Program;
  let pages: BrowserPages;
  let address: string;

  before(async () => {
    cluster = await TestCluster.plan(1);
    node = await cluster.consumer(1, { args });
    server = new Program([join(EXAMPLES, "react/server.js"), "0"], folderWithKeys(cluster));
    [, address = ""] = await server.shows(/^(http:.*)\?user=ann$/m);
    pages = await openPages({ script: "", folder: "packages/e2e" });
  });

  after(async () => {
    await pages.close();
    await server.stop("SIGINT");
    await cluster.stop();
  });

  async function open(user: string): Promise<Page> {
    const { page } = await pages.open();
    await page.goto(`${address}?user=${user}&url=${encodeURIComponent(node.httpUrl)}`);
    await shows(page, "Connected");
    return page;
  }

  async function shows(page: Page, ...texts: string[]): Promise<void> {
    await eventually(`the page shows ${texts.join()}`, async () => {
      const shown = (await page.textContent("body")) ?? "";
      return texts.every((text) => shown.includes(text));
    });
  }

  async function send(page: Page, text: string): Promise<void> {
    await page.fill(".composer input", text);
    await page.press(".composer input", "Enter");
  }

  async function lists(page: Page, texts: readonly string[]): Promise<void> {
    await eventually(`the list is ${texts.join()}`, async () => {
      const lines = await page.$$eval(".line", (all) =>
        all.map((line) => {
          const text = line.querySelector(".bubble p")?.textContent ?? "";
          return line.classList.contains("pending") ? `${text}?` : text;
        }),
      );
      return lines.join() === texts.join();
    });
  }

  it("asks for a name", async () => {
    const { page } = await pages.open();
    await page.goto(address);
    await page.fill("#user", "eve");
    await page.press("#user", "Enter");
    await page.waitForSelector(".composer");
    expect(new URL(page.url()).search).to.equal("?user=eve");
    await page.context().close();
  });

  it("chats between two windows, and keeps messages through a dead node and a reload", async () => {
    const [ann, bob] = [await open("ann"), await open("bob")];
    await shows(ann, "In the room 2", "ann you", "bob");
    await bob.fill(".composer input", "h");
    await shows(ann, "bob is typing…");
    await send(bob, "hello, ann");
    await lists(ann, ["hello, ann"]);
    await send(ann, "hello, bob");
    await lists(bob, ["hello, ann", "hello, bob"]);
    await node.stop("SIGKILL");
    await shows(ann, "Offline, reconnecting");
    for (const text of ["one", "two"]) await send(ann, text);
    await lists(ann, ["hello, ann", "hello, bob", "one?", "two?"]);
    await ann.reload();
    await lists(ann, ["one?", "two?"]);
    node = await cluster.consumer(1, { args });
    for (const page of [ann, bob]) {
      await lists(page, ["hello, ann", "hello, bob", "one", "two"]);
      await shows(page, "Connected");
    }
    for (const page of [ann, bob]) await page.context().close();
  });

  it("loads older messages when the list is scrolled up", async () => {
    const client = await connect({ url: node.url, psk: TEST_PSK, route: "single" });
    const texts = Array.from({ length: 80 }, (_, index) => `message ${index}`);
    await Promise.all(texts.map((text) => client.publish("chat/react", text)));
    const page = await open("ann");
    await lists(page, texts.slice(-30));
    for (const count of [60, 80]) {
      await page.$eval(".messages", (list) => list.scrollTo(0, -list.scrollHeight));
      await eventually(`${count} are listed`, async () => {
        return (await page.$$(".line")).length >= count;
      });
    }
    client.close();
    await page.context().close();
  });

  it("shows a message that this device cannot keep, which can be sent again or discarded", async () => {
    const page = await open("ann");
    await page.evaluate(`
      const { prototype } = IDBObjectStore;
      globalThis.add = prototype.add;
      prototype.add = () => { throw new Error("no space"); };
    `);
    for (const text of ["kept", "dropped"]) await send(page, text);
    await eventually("both are listed", async () => (await page.$$(".failed")).length === 2);
    await shows(page, "no space");
    await page.evaluate("IDBObjectStore.prototype.add = globalThis.add");
    await page.click(".failed:last-child >> text=Discard");
    await page.click(".failed >> text=Send again");
    await eventually("it is stored", async () => {
      const shown = await page.$$eval(".line", (all) => all.map((line) => line.textContent));
      return (
        shown.at(-1)?.startsWith("kept") === true && (await page.$(".failed, .pending")) === null
      );
    });
    await page.context().close();
  });
});
