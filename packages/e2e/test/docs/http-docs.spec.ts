// Runs docs/http.md unchanged: executes its shell commands in order, against a cluster with the
// options that it names, and compares their output with the document.
import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { ERRORS } from "@shardcast/protocol";
import { expect } from "chai";
import { eventually } from "@shardcast/faults";
import { TestCluster, type NodeProcess } from "@shardcast/e2e/nodes";

const TEXT = readFileSync("docs/http.md", "utf8");
const SECRET = "the secret of the tests, which is long enough";
/** Separates the outputs of two blocks. */
const MARK = "----- the next block -----";

interface Block {
  readonly commands: string;
  readonly kind: string | undefined;
  readonly expected: string;
}

/** Shell commands, each with the following block if that shows their output. */
const BLOCKS: readonly Block[] = [
  ...TEXT.matchAll(/^```sh\n([\s\S]*?)^```\n(?:\n```(json|text)\n([\s\S]*?)^```\n)?/gm),
].map(([, commands = "", kind, expected = ""]) => ({ commands, kind, expected }));

/** Epochs and times differ in each run; offsets do not. */
function masked(text: string): string {
  return (
    text
      .replace(/\b[0-9a-f]{16}_/g, "<epoch>_")
      .replace(/("time": ?)\d{13}/g, "$10")
      .replace(/^retry: \d+$/gm, "retry: <ms>")
      .replace(/\r/g, "")
      // A heartbeat may arrive at any time.
      .replace(/^:\n\n/gm, "")
      .trim()
  );
}

/** Responses do not end with a line break; in the document each is on its own line. */
function lines(text: string): string {
  return text.replaceAll(/\}(?=[{\d])/g, "}\n");
}

describe("docs/http.md", () => {
  let cluster: TestCluster;
  let folder: string;
  /** By the names in the document. */
  const urls = new Map<string, string>();
  const run = promisify(execFile);

  before(async function () {
    this.timeout(60_000);
    const [start] = BLOCKS;
    const names = /^export (.*)$/m.exec(start?.commands ?? "")?.[1]?.split(" ") ?? [];
    const env = Object.fromEntries(names.map((name) => name.split("=") as [string, string]));
    cluster = await TestCluster.plan(2);
    folder = cluster.dataFolder;
    // The first block's file, which nodes read when they start.
    await run("bash", ["-c", (start?.commands ?? "").replace("npm start", "")], { cwd: folder });
    const webhookKeys = join(folder, env["SHARDCAST_WEBHOOK_KEYS"] ?? "");
    mkdirSync(join(folder, "data"));
    const secretFile = join(folder, "data", "token-secret");
    writeFileSync(secretFile, SECRET);
    symlinkSync(resolve("packages"), join(folder, "packages"));
    const options = {
      args: { "token-secret-file": secretFile },
      env: { ...env, SHARDCAST_WEBHOOK_KEYS: webhookKeys },
    };
    // A short timeout, so that presence lists are soon complete.
    const quick = { ...options, args: { ...options.args, "presence-timeout": 1000 } };
    const nodes = await Promise.all([cluster.consumer(1, quick), cluster.consumer(2, quick)]);
    const producer = await cluster.producer(options);
    await eventually("the producer has its uplinks", async () => {
      return (await producer.metric("uplinks_open")) === 2;
    });
    const named: [string, NodeProcess | undefined][] = [
      ["127.0.0.1:9000", producer],
      ["127.0.0.1:9100", nodes[0]],
      ["127.0.0.1:9101", nodes[1]],
    ];
    for (const [name, node] of named) urls.set(name, node?.url.replace("ws://", "") ?? "");
  });

  after(() => cluster.stop());

  function real(text: string): string {
    // A busy machine may need more than a second.
    const patient = text.replaceAll("--max-time 1 ", "--max-time 4 ");
    return [...urls].reduce((changed, [name, url]) => changed.replaceAll(name, url), patient);
  }

  function documented(text: string): string {
    return [...urls].reduce((changed, [name, url]) => changed.replaceAll(url, name), text);
  }

  it("has commands that print what it says", async function () {
    this.timeout(60_000);
    const [, ...blocks] = BLOCKS;
    expect(blocks.length).to.be.greaterThan(10);
    const script = blocks.map(({ commands }) => commands).join(`\necho "${MARK}"\n`);
    // A stream that ends by --max-time is not a failure, and the exit code is that of the last
    // command.
    const { stdout } = await run("bash", ["-c", real(script)], { cwd: folder });
    const outputs = documented(stdout).split(`${MARK}\n`);
    for (const [index, { commands, kind, expected }] of blocks.entries()) {
      const output = outputs[index] ?? "";
      if (kind === "json") {
        expect(JSON.parse(masked(output)), commands).to.deep.equal(JSON.parse(masked(expected)));
      } else {
        expect(masked(lines(output)), commands).to.equal(masked(expected));
      }
    }
  });

  it("has a program for browsers that gets messages", async () => {
    const code = /```js\n([\s\S]*?)```/.exec(TEXT)?.[1] ?? "";
    const file = join(folder, "follow.mjs");
    const options = real('{ url: "http://127.0.0.1:9100", token: "example-api-key-1" }');
    const program = `${code}
      for await (const { data } of follow("orders/eu", ${options})) {
        if (data === undefined) continue;
        console.log(data.payload);
        process.exit();
      }`;
    // Only the test needs a start position: the document resumes from an id.
    const path = "encodeURIComponent(topic)}";
    expect(program).to.include(path);
    writeFileSync(file, program.replace(path, `${path}?from=last:1`));
    const { stdout } = await run(process.execPath, [file]);
    expect(stdout).to.equal("signed\n");
  });

  it("names codes that there are, and the routes that nodes have", async () => {
    for (const [code] of TEXT.matchAll(/SHARDCAST_[A-Z_]+/g)) {
      if (!["SHARDCAST_API_KEY", "SHARDCAST_WEBHOOK_KEYS"].includes(code)) {
        expect(Object.keys(ERRORS)).to.include(code);
      }
    }
    for (const name of ["127.0.0.1:9000", "127.0.0.1:9100"]) {
      const answer = await fetch(`http://${real(name)}/openapi.json`);
      const { paths } = (await answer.json()) as { paths: Record<string, object> };
      for (const [path, methods] of Object.entries(paths)) {
        for (const method of Object.keys(methods).filter((one) => one !== "head")) {
          const route = `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ":$1")}`;
          // Routes that other documents describe need no mention here.
          if (!route.includes("/links") && !route.includes("/push"))
            expect(TEXT).to.include(`\`${route}\``);
        }
      }
    }
  });
});
