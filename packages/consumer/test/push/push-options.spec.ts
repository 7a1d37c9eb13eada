import { CONSUMER_OPTIONS, parseRows } from "@shardcast/options";
import { ShardcastError } from "@shardcast/protocol";
import { expect } from "chai";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parsePushOptions, type PushOptions } from "../../src/push/push-options.ts";

const SECRET = `whsec_${Buffer.alloc(32, 1).toString("base64")}`;
const GOOD = { name: "a", topics: ["x"], url: "https://hooks.example/in", keys: [SECRET] };

describe("parsePushOptions", () => {
  let folder: string;
  let file: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "shardcast-push-"));
    file = join(folder, "push.json");
  });

  afterEach(() => rmSync(folder, { recursive: true }));

  function parse(raw: Record<string, unknown>): PushOptions {
    return parsePushOptions(parseRows(CONSUMER_OPTIONS, { id: "c1", ...raw }));
  }

  function faultOf(raw: Record<string, unknown>): string {
    try {
      parse(raw);
      return "";
    } catch (error) {
      expect(error)
        .to.be.instanceOf(ShardcastError)
        .with.property("code", "SHARDCAST_OPTION_INVALID");
      return error instanceof Error ? error.message : "";
    }
  }

  it("reads a file", () => {
    writeFileSync(file, JSON.stringify([GOOD, { ...GOOD, name: "b" }]));
    const { files } = parse({ push: file });
    expect([...files.keys()]).to.deep.equal(["a", "b"]);
    expect(files.get("a")?.keys).to.deep.equal([SECRET]);
  });

  for (const [what, value, reason] of [
    ["no JSON", `[${SECRET}`, /it is not JSON/],
    ["no list", {}, /list/],
    ["no objects", [1], /objects/],
    ["a bad name", [{ ...GOOD, name: "a/b" }], /name/],
    ["no name", [{ ...GOOD, name: undefined }], /name/],
    ["no keys", [{ ...GOOD, keys: undefined }], /a: .*keys/],
    ["a short key", [{ ...GOOD, keys: ["whsec_AAAA"] }], /a: .*bytes/],
    ["the topic of subscriptions", [{ ...GOOD, topics: ["$push"] }], /system/],
    ["a private address", [{ ...GOOD, url: "https://10.0.0.1/" }], /not public/],
    ["http", [{ ...GOOD, url: "http://hooks.example/" }], /not allowed/],
    ["an unknown field", [{ ...GOOD, wrong: 1 }], /wrong/],
    ["a name twice", [GOOD, GOOD], /twice/],
  ] as const) {
    it(`refuses a file with ${what} in one line, without a key`, () => {
      writeFileSync(file, typeof value === "string" ? value : JSON.stringify(value));
      const fault = faultOf({ push: file });
      expect(fault).to.match(reason);
      expect(fault).not.to.include("\n");
      expect(fault).not.to.include(SECRET.slice(0, 16));
    });
  }

  it("allows what it is told to", () => {
    const { urlFault } = parse({
      ...{ "push-allow": "10.1.0.0/16, ::1,hooks.internal", "push-allow-http": true },
    });
    expect(urlFault("http://10.1.2.3/")).to.equal(undefined);
    expect(urlFault("http://[::1]/")).to.equal(undefined);
    expect(urlFault("http://10.2.0.1/")).to.include("not public");
    expect(parse({}).urlFault("http://hooks.example/")).to.include("not allowed");
  });

  it("refuses what it cannot allow, and files that are no certificates", () => {
    expect(faultOf({ "push-allow": "10.0.0.0/99" })).to.include("--push-allow");
    writeFileSync(file, "x");
    expect(faultOf({ "push-ca": file })).to.include("no certificate");
    expect(faultOf({ "push-ca": join(folder, "none") })).to.include("--push-ca");
    expect(faultOf({ push: join(folder, "none") })).to.include("--push");
  });
});
