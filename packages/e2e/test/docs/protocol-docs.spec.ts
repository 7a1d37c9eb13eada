// Runs the smallest clients of docs/protocol.md unchanged against a real node.
import { execFileSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { connect, type Client } from "@shardcast/client";
import { eventually, spawnTied } from "@shardcast/faults";
import { TEST_PSK, TestCluster, type NodeProcess } from "@shardcast/e2e/nodes";
import { expect } from "chai";

const SECTION = /## The smallest client\n([\s\S]*?)\n## /.exec(
  readFileSync("docs/protocol.md", "utf8"),
)?.[1];
// Inside the package, so that ws resolves.
const FOLDER = join("packages", "e2e", "node_modules", ".protocol");
const MAX_LINES = 30;

const LANGUAGES = {
  js: { file: "client.mjs", command: process.execPath, isThere: () => true },
  python: {
    file: "client.py",
    command: "python3",
    isThere: () => succeeds("python3", ["-c", "import websockets"]),
  },
} as const;

type Language = keyof typeof LANGUAGES;

function codeOf(language: string): string {
  const found = new RegExp(`\`\`\`${language}\n([^]*?)\`\`\``).exec(SECTION ?? "");
  return found?.[1] ?? "";
}

function succeeds(command: string, args: readonly string[]): boolean {
  try {
    execFileSync(command, args, { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** Epochs, times and topic ids differ in each run. */
function masked(text: string): string {
  return text
    .replaceAll(/[0-9a-f]{16}_/g, "<epoch>_")
    .replaceAll(/("time": ?)\d{13}/g, "$10")
    .replaceAll(/("topicId": ?)\d+/g, "$11");
}

function framesIn(text: string): unknown[] {
  const lines = masked(text).split("\n");
  return lines.filter((line) => line !== "").map((line) => JSON.parse(line) as unknown);
}

describe("docs/protocol.md, the smallest client", () => {
  let cluster: TestCluster;
  let consumer: NodeProcess;
  let client: Client;

  before(async () => {
    mkdirSync(FOLDER, { recursive: true });
    cluster = await TestCluster.plan(1, { args: { "heartbeat-interval": 500 } });
    consumer = await cluster.consumer(1);
    client = await connect({ url: consumer.url, psk: TEST_PSK, route: "single" });
  });

  after(async () => {
    client.close();
    await cluster.stop();
    rmSync(FOLDER, { recursive: true, force: true });
  });

  function start(language: Language, code: string, topic: string, psk = TEST_PSK): Output {
    const { file, command } = LANGUAGES[language];
    const path = join(FOLDER, file);
    writeFileSync(path, code);
    return new Output(spawnTied(command, [path, consumer.url, psk, topic], {}));
  }

  for (const language of Object.keys(LANGUAGES) as Language[]) {
    const code = codeOf(language);

    it(`has ${MAX_LINES} lines at the most in ${language}`, () => {
      expect(code.trimEnd().split("\n").length).to.be.within(10, MAX_LINES);
    });

    describe(`in ${language}`, () => {
      before(function () {
        if (!LANGUAGES[language].isThere()) this.skip();
      });

      it("prints what the document says, and then what others publish", async () => {
        const topic = `prints/${language}`;
        const program = start(language, code, topic);
        await eventually("it has its own message", () => program.text.includes('"hello"'));
        const frames = framesIn(program.text);
        // An ack and a delivery may arrive in any order.
        expect(frames).to.have.deep.members(framesIn(codeOf("json")));
        await client.publish(topic, "from another client");
        await eventually("it has the other's", () => program.text.includes("from another client"));
        await program.stop();
      });

      it("keeps its link by answering heartbeats", async () => {
        const topic = `heartbeats/${language}`;
        const program = start(language, code, topic);
        await eventually("it has its own message", () => program.text.includes('"hello"'));
        const deaf = start(language, code.replaceAll('"heartbeat"', '"nothing"'), topic);
        await deaf.ended;
        await client.publish(topic, "afterwards");
        await eventually("it has the message", () => program.text.includes("afterwards"));
        await program.stop();
      });

      it("prints nothing where it has another key", async () => {
        const program = start(language, code, `key/${language}`, "another key than the cluster's");
        await program.ended;
        expect(program.text).to.equal("");
      });
    });
  }
});

class Output {
  text = "";
  readonly ended: Promise<unknown>;
  readonly #child: ChildProcess;

  constructor(child: ChildProcess) {
    this.#child = child;
    child.stdout?.setEncoding("utf8").on("data", (text: string) => (this.text += text));
    child.stderr?.resume();
    this.ended = once(child, "close");
  }

  async stop(): Promise<void> {
    this.#child.kill("SIGTERM");
    await this.ended;
  }
}
