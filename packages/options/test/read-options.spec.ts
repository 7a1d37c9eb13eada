// Where options come from, which source counts, and what errors name.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ShardcastError } from "@shardcast/protocol";
import { expect } from "chai";
import { CONSUMER_OPTIONS } from "../src/consumer-rows.ts";
import { PRODUCER_OPTIONS } from "../src/node-rows.ts";
import { readOptions } from "../src/read-options.ts";
import { list, text, texts, type Row, type Rows, type Values } from "../src/row.ts";

const HELP = { scriptName: "test", description: "A test." };

interface Sources {
  readonly argv?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

describe("readOptions", () => {
  const folder = mkdtempSync(join(tmpdir(), "shardcast-options-"));
  const file = join(folder, "config.json");

  after(() => rmSync(folder, { recursive: true }));

  function readRows<R extends Rows>(rows: R, { argv = [], env = {} }: Sources): Values<R> {
    const values = readOptions(rows, { ...HELP, argv, env, isNode: true });
    if (values === undefined) throw new Error("no values");
    return values;
  }

  function read(sources: Sources): Values<typeof PRODUCER_OPTIONS> {
    return readRows(PRODUCER_OPTIONS, sources);
  }

  function refusal(sources: Sources): string {
    try {
      read(sources);
    } catch (error) {
      expect(error).to.be.instanceOf(ShardcastError);
      expect(error).to.have.property("code", "SHARDCAST_OPTION_INVALID");
      const { message } = error as Error;
      expect(message).not.to.include("\n");
      return message;
    }
    throw new Error(`${JSON.stringify(sources)} is accepted`);
  }

  function config(value: unknown): string {
    writeFileSync(file, typeof value === "string" ? value : JSON.stringify(value));
    return `--config=${file}`;
  }

  it("has the defaults where nothing is given", () => {
    const values = read({});
    for (const [key, row] of Object.entries<Row>(PRODUCER_OPTIONS)) {
      if (row.type !== "number") continue;
      expect(values[key as keyof typeof values], key).to.equal(row.default);
    }
    expect(values.events).to.deep.equal([]);
    expect([values.isLegacySpoken, values.psk, values.logLevel]).to.deep.equal([
      false,
      undefined,
      "info",
    ]);
  });

  it("takes arguments before the environment, that before a file, and that before the original's variables", () => {
    const port = { SHARDCAST_PORT: "2", PORT: "4" };
    const argv = [config({ port: 3 })];
    expect(read({ argv: [...argv, "--port=1"], env: port }).port).to.equal(1);
    expect(read({ argv, env: port }).port).to.equal(2);
    expect(read({ argv, env: { PORT: "4" } }).port).to.equal(3);
    expect(read({ env: { PORT: "4" } }).port).to.equal(4);
    expect(read({ env: { SHARDCAST_CONFIG: file } }).port).to.equal(3);
    expect(read({ env: { PORT: "" } }).port).to.equal(9000);
    expect(read({ env: { TIMEOUT: "250" } }).handshakeTimeoutMs).to.equal(250);
  });

  it("takes a key or its file, from the stronger source", () => {
    const keys = ({ psk, pskFile, previousPsk }: ReturnType<typeof read>): unknown[] => [
      psk,
      previousPsk,
      pskFile,
    ];
    const env = { PSK: "a", PSK_PREVIOUS: "b", SHARDCAST_TOKEN_SECRET: "x".repeat(32) };
    expect(keys(read({ env }))).to.deep.equal(["a", "b", undefined]);
    expect(keys(read({ argv: ["--psk-file=f"], env }))).to.deep.equal([undefined, undefined, "f"]);
    const both = { SHARDCAST_PSK_FILE: "f" };
    expect(keys(read({ argv: ["--psk=a"], env: both }))).to.deep.equal(["a", undefined, undefined]);
    const values = read({ argv: ["--token-secret-file=s"], env });
    expect([values.tokenSecret, values.tokenSecretFile]).to.deep.equal([undefined, "s"]);
  });

  it("takes the last of several values", () => {
    expect(read({ argv: ["--port", "1", "--port=2"] }).port).to.equal(2);
  });

  it("takes a switch in any usual spelling, from every source", () => {
    for (const value of ["1", "yes", "on", "TRUE"]) {
      expect(read({ argv: [`--legacy-protocol=${value}`] }).isLegacySpoken).to.equal(true);
      const env = { SHARDCAST_LEGACY_PROTOCOL: value };
      expect(read({ env }).isLegacySpoken).to.equal(true);
      expect(read({ argv: ["--legacy-protocol=off"], env }).isLegacySpoken).to.equal(false);
      expect(read({ argv: ["--no-legacy-protocol"], env }).isLegacySpoken).to.equal(false);
    }
    expect(read({ argv: ["--legacy-protocol", "--port=1"] }).isLegacySpoken).to.equal(true);
    expect(read({ argv: [config({ "legacy-protocol": true })] }).isLegacySpoken).to.equal(true);
    for (const fault of [
      refusal({ argv: ["--legacy-protocol=maybe"] }),
      refusal({ env: { SHARDCAST_LEGACY_PROTOCOL: "maybe" } }),
      refusal({ argv: [config({ "legacy-protocol": 1 })] }),
    ]) {
      expect(fault).to.match(/^--legacy-protocol.* is on or off/);
    }
  });

  it("names the option in an error, and the variable or file that its value came from", () => {
    const range = "must be a whole number from 0 to 65535";
    expect(refusal({ argv: ["--port", "web"] })).to.equal(`--port ${range}`);
    expect(refusal({ env: { SHARDCAST_PORT: "70000" } })).to.equal(
      `--port (SHARDCAST_PORT) ${range}`,
    );
    expect(refusal({ env: { PORT: " " } })).to.equal(`--port (PORT) ${range}`);
    expect(refusal({ argv: [config({ port: " " })] })).to.equal(`--port (in ${file}) ${range}`);
  });

  for (const args of [
    ...[
      ["--port=-1"],
      ["--port= "],
      ["--port=0x10"],
      ["--port=1e1"],
      ["--port="],
      ["--port", "5x"],
    ],
    ...[["--port", "-1"], ["--port"], ["--window=0"], ["--host="], ["--log-level=loud"]],
    ...[["--nonsense=1"], ["--id=no spaces"], ["--events=links,all"], ["--redis-prefix={a}"]],
    ...[["news"], ["--", "port"], ["--api-key=x"], ["--token-secret=short"], ["--trusted-hops=-1"]],
  ]) {
    it(`refuses ${args.join(" ")}`, () => {
      expect(refusal({ argv: args })).to.include(/[a-z][a-z-]*/.exec(args.join(" "))?.[0]);
    });
  }

  it("refuses a file that is not an object of options, and quotes nothing of it", () => {
    expect(refusal({ argv: [config("psk=a secret")] }))
      .to.include("is not JSON")
      .and.not.include("secret");
    expect(refusal({ argv: [config([1])] })).to.include("is not a JSON object");
    expect(refusal({ argv: [config({ unheard: 1 })] })).to.include("unheard");
    expect(refusal({ argv: [`--config=${join(folder, "none")}`] })).to.include("cannot be read");
  });

  for (const [role, rows] of Object.entries({
    producer: PRODUCER_OPTIONS,
    consumer: CONSUMER_OPTIONS,
  })) {
    it(`takes each number of a ${role} at both ends of its range, and none beyond`, () => {
      const numbers = Object.entries<Row>(rows).filter(([, row]) => row.type === "number");
      expect(numbers).to.have.length.above(25);
      for (const [key, row] of numbers) {
        const [, min, max] = /^(\d+) (?:to (\d+)|or more)$/.exec(row.values) ?? [];
        const most = Number(max ?? Number.MAX_SAFE_INTEGER);
        const parse = (value: number): unknown =>
          readRows({ [key]: row }, { argv: [`--${row.name}=${value}`] })[key];
        expect(parse(most), row.name).to.equal(most);
        expect(parse(Number(min)), row.name).to.be.oneOf([Number(min), Infinity]);
        for (const wrong of [Number(min) - 1, most + 1]) {
          expect(() => parse(wrong), `${row.name} ${wrong}`).to.throw(
            `--${row.name} must be a whole`,
          );
        }
      }
    });
  }

  it("takes 0 for no limit where an option says so", () => {
    const limits = Object.entries<Row>(PRODUCER_OPTIONS).filter(([, { help }]) =>
      help.endsWith("0 for no limit"),
    );
    expect(limits).to.have.length(8);
    for (const [key, row] of limits) {
      const values = readRows({ [key]: row }, { argv: [`--${row.name}=0`] });
      expect(values[key], row.name).to.equal(Infinity);
    }
  });

  it("needs what is required", () => {
    expect(() => readRows(CONSUMER_OPTIONS, {})).to.throw("--id is needed");
    expect(readRows(CONSUMER_OPTIONS, { argv: ["--id=c1"] }).id).to.equal("c1");
  });

  it("takes lists, and arguments without a name", () => {
    const rows = {
      topics: texts("topic", { help: "Topics" }),
      peers: list("peer", { help: "Peers" }),
      name: text("name", { help: "A name" }),
    };
    const source = { ...HELP, env: {}, positional: "[topic..]" };
    const argv = ["a,b", "5", "--peer=x, y", "--peer", "z", "--", "-5", "--name"];
    expect(readOptions(rows, { ...source, argv })).to.deep.equal({
      topics: ["a,b", "5", "-5", "--name"],
      peers: ["x", "y", "z"],
      name: undefined,
    });
    expect(readOptions(rows, { ...source, argv: [] })).to.deep.equal({
      topics: [],
      peers: [],
      name: undefined,
    });
  });
});
