// Programs that a user of the packages could write. They run where the packages are installed.

/** Publishes to the topic of its first argument, follows it, and prints what it gets. */
const CHAT = `
  const [topic] = process.argv.slice(2);
  const client = await connect({ url: process.env.NODE_URL, psk: process.env.PSK });
  const messages = client.subscribe(topic, { from: "earliest" });
  await client.publish(topic, { text: "hello" });
  for await (const { offset, data } of messages) {
    console.log(offset, data);
    break;
  }
  await client.drain();
`;

export const ESM_CHAT = `import { connect } from "@shardcast/client";\n${CHAT}`;

export const REQUIRE_CHAT = `
const { connect } = require("@shardcast/client");
async function main() {${CHAT}}
void main();
`;

/** Loads every entry by `require` and by `import`, which must give the same code. */
export const LOAD_ENTRIES = `
const { isDeepStrictEqual } = require("node:util");
async function main() {
  for (const entry of process.argv.slice(2)) {
    const required = Object.keys(require(entry));
    const imported = Object.keys(await import(entry)).filter((name) => name !== "module.exports");
    if (!isDeepStrictEqual(required.sort(), imported.sort())) throw new Error(entry);
    console.log(entry);
  }
}
void main();
`;

/** Uses the public types of the client. */
export const CLIENT_TYPES = `
import {
  ShardcastError,
  connect,
  type Client,
  type ConnectOptions,
  type ErrorCode,
  type Gap,
  type Message,
  type Presence,
  type Published,
  type Subscription,
} from "@shardcast/client";
import { parsePosition, shardOf } from "@shardcast/protocol";

const options: ConnectOptions = { url: "http://127.0.0.1:9100", getToken: async () => "token" };

export async function main(): Promise<void> {
  await using client: Client = await connect(options);
  client.on("link", ({ state, url }) => log(state, url));
  const published: Published = await client.publish("news", { text: "hello" }, { timeoutMs: 10 });
  log(published.epoch, published.offset.toFixed(), published.duplicate ? "yes" : "no");
  const subscription: Subscription = client.subscribe("news", { from: "earliest" });
  subscription.on("gap", ({ first, last }: Gap) => log(first.toFixed(), last.toFixed()));
  for await (const message of subscription) {
    const { topic, position, data }: Message = message;
    log(topic, position, String(data));
    // @ts-expect-error: a message has no such property, so its type is known.
    log(message.nothing);
  }
  const end: IteratorResult<Message, undefined> = await subscription[Symbol.asyncIterator]().next();
  log(end.done === true ? "end" : end.value.topic);
  const presence: Presence = client.presence("news");
  presence.on("join", ({ member }) => log(member.user ?? "anonymous"));
  log(shardOf("news").toFixed(), parsePosition("0_1")?.epoch ?? "");
}

export function codeOf(error: unknown): ErrorCode | undefined {
  return error instanceof ShardcastError && error.retryable ? error.code : undefined;
}

function log(..._texts: string[]): void {}
`;

/**
 * Type-checks the programs with one version of TypeScript, in each of the ways that users configure it, together with all
 * declarations of the packages, as without `skipLibCheck`. Those of other libraries would take ten times as long.
 */
export const TYPE_CHECK = `
const [, , typescript, ...nodeFiles] = process.argv;
const ts = require(typescript);
const RESOLUTIONS = {
  bundler: { moduleResolution: ts.ModuleResolutionKind.Bundler, module: ts.ModuleKind.ESNext },
  nodenext: { moduleResolution: ts.ModuleResolutionKind.NodeNext, module: ts.ModuleKind.NodeNext },
};
const PLATFORMS = {
  browser: { files: ["client.ts"], lib: ["lib.es2022.d.ts", "lib.dom.d.ts"], types: [] },
  node: { files: nodeFiles, lib: ["lib.es2022.d.ts"], types: ["node"] },
};
for (const [resolution, kinds] of Object.entries(RESOLUTIONS)) {
  const parsed = new Map();
  for (const [platform, { files, lib, types }] of Object.entries(PLATFORMS)) {
    const options = { strict: true, noEmit: true, target: ts.ScriptTarget.ES2022, ...kinds, lib, types };
    const host = ts.createCompilerHost(options);
    const parse = host.getSourceFile;
    host.getSourceFile = (name, ...rest) => {
      if (!parsed.has(name)) parsed.set(name, parse(name, ...rest));
      return parsed.get(name);
    };
    const program = ts.createProgram(files, options, host);
    const checked = program
      .getSourceFiles()
      .filter(({ fileName }) => /^\\w+\\.ts$|\\/node_modules\\/(@shardcast|shardcast)\\//.test(fileName));
    const faults = [
      ...program.getOptionsDiagnostics(),
      ...program.getGlobalDiagnostics(),
      ...program.getSyntacticDiagnostics(),
      ...checked.flatMap((file) => program.getSemanticDiagnostics(file)),
    ];
    console.log(resolution, platform, faults.length);
    console.log(ts.formatDiagnostics(faults, host));
  }
}
`;
