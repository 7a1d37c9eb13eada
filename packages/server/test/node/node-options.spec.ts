// What a node cannot be started with: wrong options end it before anything listens.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PRODUCER_OPTIONS, readOptions } from "@shardcast/options";
import { ShardcastError } from "@shardcast/protocol";
import { expect } from "chai";
import { parseNodeOptions, type NodeOptions } from "../../src/node/node-options.ts";

const PSK = "the key of the tests";
const REACH = { consumers: "c1=ws://127.0.0.1:9100" };

type Texts = Readonly<Record<string, string>>;

describe("parseNodeOptions", () => {
  const folder = mkdtempSync(join(tmpdir(), "shardcast-node-"));

  after(() => rmSync(folder, { recursive: true }));

  function parse(options: Texts = {}, env: Texts = { PSK }): NodeOptions {
    const argv = Object.entries(options).map(([name, value]) => `--${name}=${value}`);
    const source = { argv, env, scriptName: "test", description: "", isNode: true };
    const values = readOptions(PRODUCER_OPTIONS, source);
    if (values === undefined) throw new Error("no values");
    return parseNodeOptions(values);
  }

  /** The code and message of the error, which is one line without a key. */
  function refusal(options: Texts, env?: Texts): string {
    try {
      parse(options, env);
    } catch (error) {
      expect(error).to.be.instanceOf(ShardcastError);
      const { code, message } = error as ShardcastError;
      expect(message).not.to.include("\n").and.not.include(PSK);
      return `${code}: ${message}`;
    }
    throw new Error(`${JSON.stringify(options)} is accepted`);
  }

  function file(name: string, content: string | Buffer): string {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  }

  it("takes the key from an option, a variable or a file", () => {
    const pskFile = file("key", `\ufeffthe key in a file\r\nthe previous key, too\r\n`);
    expect(parse(REACH).psk).to.equal(PSK);
    expect(parse({ ...REACH, psk: "another key of the tests" }).psk).to.match(/^another/);
    expect(parse({ ...REACH, "psk-file": pskFile }).psk).to.equal("the key in a file");
    expect(parse({ ...REACH, "psk-file": pskFile }, {}).psk).to.equal("the key in a file");
  });

  it("takes the original's public key only with the original's protocol", () => {
    const env = { PSK: "pre-shared-key" };
    expect(parse({ ...REACH, "legacy-protocol": "on" }, env).psk).to.equal("pre-shared-key");
    expect(refusal(REACH, env)).to.include("--psk has 14 characters");
  });

  it("refuses a missing key", () => {
    expect(refusal(REACH, {})).to.match(/^SHARDCAST_KEY_MISSING/);
    const lost = join(folder, "nowhere");
    expect(refusal({ ...REACH, "psk-file": lost }, {}))
      .to.match(/^SHARDCAST_KEY_MISSING/)
      .and.include(lost);
  });

  for (const [fault, options, env] of [
    ["--psk has 15 characters; the minimum is 16", {}, { PSK: "fifteen letters" }],
    ["--psk has blanks or line ends", {}, { PSK: `${PSK}\r` }],
    ["--psk has quotes around it", {}, { PSK: `"${PSK}"` }],
    ["--psk-previous has", {}, { PSK, PSK_PREVIOUS: "short" }],
    ["--api-key has 1 characters", { "api-key": "x" }],
    ["--admin-key has 1 characters", { "admin-key": "x" }],
    ["--tls-ca package.json has no certificate", { "tls-ca": "package.json" }],
    ["--tls-cert and --tls-key go together", { "tls-cert": "package.json" }],
    ["--consumers", { consumers: " " }],
    ["--consumers", { consumers: "," }],
    ["--consumers: c1 is not", { consumers: "c1" }],
    ["--consumers: c1=http", { consumers: "c1=http://127.0.0.1:1" }],
    ["the same id", { consumers: "c1=ws://127.0.0.1:1,c1=ws://127.0.0.1:2" }],
    ["the same address", { consumers: "c1=ws://127.0.0.1:1,c2=ws://127.0.0.1:1" }],
    ["--consumers is for nodes without it", { redis: "redis://127.0.0.1" }],
  ] as [string, Texts, Texts?][]) {
    it(`refuses ${JSON.stringify({ ...options, ...env })}`, () => {
      expect(refusal({ ...REACH, ...options }, env))
        .to.include(fault)
        .and.match(/^SHARDCAST_OPTION_INVALID/);
    });
  }

  it("refuses a file of keys that is not UTF-8", () => {
    const pskFile = file("utf16", Buffer.from(`\ufeff${PSK}`, "utf16le"));
    expect(refusal({ ...REACH, "psk-file": pskFile })).to.include("is not UTF-8");
  });

  it("quotes nothing of a file that is not JSON", () => {
    const senders = file("senders", `psk=${PSK}`);
    expect(refusal({ ...REACH, "webhook-keys": senders })).to.include("is not JSON");
  });

  for (const name of ["psk-file", "config", "tls-cert", "token-key", "token-secret-file"]) {
    it(`refuses a folder, or a pipe that nobody writes to, for --${name}, and does not wait`, () => {
      const pipe = join(folder, `pipe-${name}`);
      execFileSync("mkfifo", [pipe]);
      const other: Texts = name === "tls-cert" ? { "tls-key": pipe } : {};
      for (const path of [pipe, folder]) {
        expect(refusal({ ...REACH, [name]: path, ...other }), path).to.include(path);
      }
    });
  }
});
