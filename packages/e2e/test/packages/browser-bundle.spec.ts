// The client's bundle for browsers: its size, what it loads when, and which browsers can run it.
import { readFileSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import { TEST_PSK, TestCluster } from "@shardcast/e2e/nodes";
import { expect } from "chai";
import ts from "typescript";
import { connect } from "@shardcast/client";
import { TOKEN_SECRET, tokenOf } from "@shardcast/e2e/tokens";
import { execute } from "./packed.ts";

const FOLDER = resolve("packages/client/dist/browser");
const MAIN = "shardcast.min.js";
/** What a page loads when it uses it. */
const PARTS = ["direct-route", "history", "request-reply", "topic-presence"].map(
  (name) => `${name}.min.js`,
);
/** What a page loads in any case. A guard against growth: the aim is 12 KiB, which the client does not meet yet. */
const MAIN_LIMIT_BYTES = 20 * 1024;

/**
 * APIs of browsers that are newer than the baseline of packages/client/README.md: Chrome 111, Firefox 115, Safari 16.4.
 * TypeScript checks those of the language.
 */
const NEWER_APIS = [
  /\bAbortSignal\.any\b/,
  /\bURL\.(canParse|parse)\b/,
  /\bResponse\.json\b/,
  /\bPromise\.(withResolvers|try)\b/,
  /\bArray\.fromAsync\b/,
  /\.(union|intersection|difference|symmetricDifference|isSubsetOf|isSupersetOf)\(/,
  /\.(isWellFormed|toWellFormed)\(/,
  /\b(Object|Map)\.groupBy\b/,
  /\b(requestIdleCallback|WebSocketStream|Temporal|userAgentData|cookieStore)\b/,
  /\bscheduler\.(postTask|yield)\b/,
];

/** Follows a topic and a room over a direct route, with a token, as a page does. */
const PROGRAM = `
import { WebSocket } from "ws";
// The bundle uses the browser's class.
globalThis.WebSocket = WebSocket;
const { connect } = await import(process.env.BUNDLE);
const client = await connect({ url: process.env.NODE_URL, token: process.env.TOKEN });
const messages = client.subscribe("chat/1", { from: "earliest" });
await client.publish("chat/1", { text: "hello" });
for await (const { data } of messages) {
  console.log(data.text);
  break;
}
const page = await client.history("chat/1");
console.log(page.messages.length);
const room = client.presence("chat/1");
await room.enter({ info: "here" });
await room.ready;
console.log(room.count);
client.close();
await client.publish("chat/1", "").catch(({ code, message }) => console.log(code, "-", message));
`;

function filesIn(folder: string): string[] {
  return readdirSync(folder).filter((name) => name.endsWith(".js"));
}

function read(name: string): string {
  return readFileSync(join(FOLDER, name), "utf8");
}

describe("the client's bundle for browsers", () => {
  it(`has at most ${MAIN_LIMIT_BYTES} bytes that every page loads, compressed`, () => {
    const sizes = filesIn(FOLDER).map((name) => ({
      name,
      gzipBytes: gzipSync(read(name), { level: 9 }).length,
    }));
    for (const { name, gzipBytes } of sizes) console.log(`      ${name}: ${gzipBytes} bytes gzip`);
    const main = sizes.find(({ name }) => name === MAIN);
    expect(main?.gzipBytes).to.be.at.most(MAIN_LIMIT_BYTES);
  });

  it("loads parts of the client only where they are used", () => {
    expect(filesIn(FOLDER)).to.have.members([MAIN, ...PARTS]);
    expect(read(MAIN)).to.not.match(/\bimport ?[{*"]|\bfrom ?"/);
    const loaded = read(MAIN).matchAll(/\bimport\("\.\/([^"]+)"\)/g);
    expect([...loaded].map(([, name]) => name)).to.have.members(PARTS);
  });

  for (const name of [MAIN, ...PARTS]) {
    it(`${name} imports nothing of Node, and uses no API newer than the baseline`, () => {
      const text = read(name);
      for (const [, imported] of text.matchAll(/(?:\bfrom ?|\bimport ?\(?)"([^"]+)"/g)) {
        expect(imported).to.match(/^\.\/[a-z-]+\.min\.js$/);
      }
      const { sources } = JSON.parse(read(`${name}.map`)) as { sources: string[] };
      expect(sources.filter((source) => /\.node\.ts$|\/ws\/|proof/.test(source))).to.deep.equal([]);
      for (const api of NEWER_APIS) expect(text).to.not.match(api);
    });
  }

  it("uses of the language only what ES2022 has", () => {
    const options: ts.CompilerOptions = {
      ...{ strict: true, noEmit: true, skipLibCheck: true, types: [] },
      ...{ target: ts.ScriptTarget.ES2022, lib: ["lib.es2022.d.ts", "lib.dom.d.ts"] },
      ...{ module: ts.ModuleKind.ESNext, moduleResolution: ts.ModuleResolutionKind.Bundler },
      ...{ customConditions: ["@shardcast/source"], allowImportingTsExtensions: true },
    };
    const program = ts.createProgram(["packages/client/src/index.ts"], options);
    const files = program.getSourceFiles().map(({ fileName }) => fileName);
    expect(files.some((name) => name.endsWith("platform.browser.ts"))).to.equal(true);
    expect(files.some((name) => name.endsWith(".node.ts"))).to.equal(false);
    const faults = ts.getPreEmitDiagnostics(program);
    expect(faults.map(({ messageText }) => messageText)).to.deep.equal([]);
  });

  describe("in front of a cluster", () => {
    let cluster: TestCluster;

    before(async () => {
      cluster = await TestCluster.plan(1, { args: { "token-secret": TOKEN_SECRET } });
      await cluster.consumer(1);
    });

    after(() => cluster.stop());

    it("publishes, follows, and enters a room", async () => {
      const [, address = ""] = cluster.consumers.split("=");
      const caps = [
        { topics: ["chat/*"], allow: ["publish", "subscribe", "history", "presence"] },
      ] as const;
      const env = {
        BUNDLE: pathToFileURL(join(FOLDER, MAIN)).href,
        NODE_URL: address.replace(/^ws/, "http"),
        TOKEN: await tokenOf({ caps }),
      };
      const args = ["--input-type=module", "--eval", PROGRAM];
      const output = await execute([process.execPath, ...args], "packages/e2e", env);
      expect(output).to.equal("hello\n1\n1\nSHARDCAST_CLOSED - closed\n");
      const client = await connect({ url: env.NODE_URL, psk: TEST_PSK });
      for await (const { data } of client.subscribe("chat/1", { from: "earliest" })) {
        expect(data).to.deep.equal({ text: "hello" });
        break;
      }
      client.close();
    });
  });
});
