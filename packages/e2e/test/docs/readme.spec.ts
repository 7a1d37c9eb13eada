// Runs the README's code unchanged against real nodes.
import { connect } from "@shardcast/client";
import { expect } from "chai";
import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { TEST_PSK, TestCluster, type NodeProcess } from "@shardcast/e2e/nodes";

// Inside the package, so that @shardcast/client resolves as in a user's program.
const FOLDER = join("packages", "demo", "node_modules", ".readme");

const README = readFileSync("README.md", "utf8");
const SECRET = "the secret of the tests, which is long enough";
const run = promisify(execFile);

describe("README.md", () => {
  let cluster: TestCluster;
  let producer: NodeProcess;

  before(async () => {
    cluster = await TestCluster.plan(2, { args: { "token-secret": SECRET } });
    await Promise.all([cluster.consumer(1), cluster.consumer(2)]);
    producer = await cluster.producer();
    mkdirSync(FOLDER, { recursive: true });
  });

  after(async () => {
    rmSync(FOLDER, { recursive: true, force: true });
    await cluster.stop();
  });

  it("has an example that publishes a message and gets it back", async () => {
    const code = /```ts\n([\s\S]*?)```/.exec(README)?.[1] ?? "";
    const [first = ""] = cluster.consumers.split(",");
    const url = first.replace(/^c1=ws/, "http");
    const program = `const psk = process.env.PSK;\n${code}`.replace("http://127.0.0.1:9100", url);
    expect(program).to.include(url);
    const file = join(FOLDER, "example.mjs");
    writeFileSync(file, program);
    const { stdout } = await run(process.execPath, [file], {
      env: { ...process.env, PSK: TEST_PSK },
    });
    expect(stdout).to.match(
      /^stored at [0-9a-f]{16}_1 false\n[0-9a-f]{16}_1 \{ title: 'Hello' \}\n$/,
    );
  });

  it("has commands that publish a message over HTTP, and follow it, with a token", async () => {
    const commands = /```sh\n(TOKEN=[\s\S]*?)```/.exec(README)?.[1] ?? "";
    const [first = ""] = cluster.consumers.split(",");
    const script = commands
      .replace("http://127.0.0.1:9100", first.replace(/^c1=ws/, "http"))
      .replace("http://127.0.0.1:9000", producer.httpUrl)
      // The stream does not end by itself.
      .replace("curl -sN ", "curl -sN --max-time 4 ");
    const env = { ...process.env, SHARDCAST_TOKEN_SECRET: SECRET };
    const { stdout } = await run("bash", ["-c", `${script}\ntrue`], { env });
    expect(stdout).to.match(/\{"topic":"chat\/1","position":"[0-9a-f]{16}_1","duplicate":false\}/);
    expect(stdout).to.match(/^data: \{"position":.*"payload":"hello".*\}$/m);
    // A reader that uses the SDK gets the text that was sent.
    const client = await connect({ url: producer.url, psk: TEST_PSK });
    for await (const message of client.subscribe("chat/1", { from: "earliest" })) {
      expect(message.data).to.equal("hello");
      break;
    }
    client.close();
  });
});
