// The file of --schemas, and what it lets clients publish.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ShardcastError, encodeFrame, type Attributes } from "@shardcast/protocol";
import { expect } from "chai";
import { readSchemaFile } from "../../src/publish/schema-file.ts";
import type { TopicSchemas } from "../../src/publish/topic-schemas.ts";

const JSON_CONTENT = { "content-type": "application/json" };
const USER = {
  type: "object",
  properties: {
    name: { type: "string", pattern: "^[a-z]+$" },
    age: { type: "integer", minimum: 0 },
    tags: { type: "array", items: { type: "string" }, uniqueItems: true, maxItems: 10 },
  },
  required: ["name"],
  additionalProperties: false,
};

describe("readSchemaFile", () => {
  const folder = mkdtempSync(join(tmpdir(), "shardcast-schemas-"));
  const file = join(folder, "schemas.json");

  after(() => rmSync(folder, { recursive: true }));

  function read(content: unknown): Promise<TopicSchemas> {
    writeFileSync(file, typeof content === "string" ? content : JSON.stringify(content));
    return readSchemaFile(file);
  }

  function mismatch(
    schemas: TopicSchemas,
    topic: string,
    payload: string | Uint8Array,
    attributes: Attributes = JSON_CONTENT,
  ): string | undefined {
    const bytes = Buffer.from(payload);
    const frame = {
      type: "publish",
      seq: 1,
      timeoutMs: 0,
      topic,
      attributes,
      payload: bytes,
    } as const;
    const encoded = encodeFrame(frame);
    const all = Buffer.concat([Buffer.from("before"), encoded, Buffer.from("after")]);
    return schemas.mismatch(topic, all, 6, 6 + encoded.length);
  }

  it("applies the first pattern that matches, and lets everything else pass", async () => {
    const schemas = await read([
      { topics: "users/admin", schema: { type: "object" } },
      { topics: "users/*", schema: USER },
      { topics: "closed", schema: false },
    ]);
    expect(mismatch(schemas, "users/1", '{"name":"ann","age":3}')).to.equal(undefined);
    expect(mismatch(schemas, "users/1", '{"name":"ann","age":-1}')).to.equal("/age must be >= 0");
    expect(mismatch(schemas, "users/admin", '{"age":-1}')).to.equal(undefined);
    expect(mismatch(schemas, "users", "anything")).to.equal(undefined);
    expect(mismatch(schemas, "closed", "1")).to.equal("the payload boolean schema is false");
  });

  it("names the place of the first fault", async () => {
    const schemas = await read([{ topics: "*", schema: USER }]);
    for (const [payload, reason] of [
      ["[]", "the payload must be object"],
      ["{}", "the payload must have required property 'name'"],
      ['{"name":"Ann"}', '/name must match pattern "^[a-z]+$"'],
      ['{"name":"ann","tags":["a",1]}', "/tags/1 must be string"],
      ['{"name":"ann","is":1}', 'the payload must NOT have additional properties: "is"'],
      ['{"name":"ann"', "the payload is not JSON"],
      ["", "the payload is not JSON"],
    ] as const) {
      expect(mismatch(schemas, "t", payload)).to.equal(reason);
    }
    const long = mismatch(schemas, "t", JSON.stringify({ name: "a", ["é\u0001".repeat(500)]: 1 }));
    expect(Buffer.byteLength(long ?? "")).to.be.within(250, 255);
    expect(long).to.match(/properties: "é+/);
  });

  it("checks the data as a subscriber gets it: JSON, or text without a JSON type", async () => {
    const schemas = await read([
      { topics: "text", schema: { type: "string", maxLength: 5 } },
      { topics: "json", schema: { type: "object" } },
    ]);
    expect(mismatch(schemas, "text", "hello", {})).to.equal(undefined);
    expect(
      mismatch(schemas, "text", "hello", { "content-type": "text/plain; charset=utf-8" }),
    ).to.equal(undefined);
    expect(mismatch(schemas, "text", '"hello"')).to.equal(undefined);
    expect(mismatch(schemas, "json", "{}", { "content-type": "application/a+json" })).to.equal(
      undefined,
    );
    expect(mismatch(schemas, "json", "{}", {})).to.equal(
      "the payload must be object (the content type is not JSON)",
    );
    for (const [payload, type] of [
      [Uint8Array.of(0xff), undefined],
      [Uint8Array.of(0xff), "application/json"],
      ["{}", "application/octet-stream"],
    ] as const) {
      const attributes = type === undefined ? {} : { "content-type": type };
      expect(mismatch(schemas, "json", payload, attributes)).to.equal(
        "the payload must be JSON, or text",
      );
    }
  });

  it("is not fooled by the names that every object has", async () => {
    const required = ["constructor", "__proto__"];
    const schemas = await read([{ topics: "*", schema: { type: "object", required } }]);
    expect(mismatch(schemas, "t", "{}")).to.match(/required property/);
    expect(mismatch(schemas, "t", '{"constructor":1,"__proto__":{"a":1}}')).to.equal(undefined);
    expect(({} as { a?: number }).a).to.equal(undefined);
  });

  it("takes no exponential time for a pattern, and no stack for deep data", async () => {
    const schemas = await read([
      { topics: "text", schema: { type: "string", pattern: "^(a+)+$" } },
      { topics: "deep", schema: { type: "array", items: { $ref: "#" } } },
    ]);
    // JavaScript's own engine would not finish this within a lifetime.
    expect(mismatch(schemas, "text", `${"a".repeat(1000)}!`, {})).to.match(
      /^the payload must match/,
    );
    const deep = "[".repeat(500_000) + "]".repeat(500_000);
    expect(mismatch(schemas, "deep", deep)).to.match(/nests too deeply|is not JSON/);
    expect(mismatch(schemas, "deep", "[[[]]]")).to.equal(undefined);
  });

  describe("refuses a file with one line that says what is wrong", () => {
    const cases: readonly (readonly [string, unknown, RegExp])[] = [
      ["is not JSON", "[", /is not JSON$/],
      ["is no list", {}, /must be a JSON array$/],
      ["has a wrong entry", [1], /entry 1 must be an object with topics and schema$/],
      ["lacks topics", [{ schema: {} }], /entry 1 must have topics/],
      ["has a wrong pattern", [{ topics: "", schema: {} }], /entry 1 must have topics/],
      ["lacks a schema", [{ topics: "a" }], /entry 1 must have schema/],
      ["has another property", [{ topics: "a", schema: {}, x: 1 }], /unknown property "x"$/],
      ["has a wrong type", [{ topics: "a", schema: { type: "objekt" } }], /entry 1 \(a\): .*type/],
      ["has an unknown keyword", [{ topics: "a", schema: { typo: 1 } }], /unknown keyword: "typo"/],
      [
        "refers to another document",
        [{ topics: "a", schema: { $ref: "https://example.org/schema" } }],
        /can't resolve reference https:\/\/example.org\/schema/,
      ],
      [
        "has a pattern that needs backtracking",
        [{ topics: "a", schema: { type: "string", pattern: "(?=a)b" } }],
        /error parsing regexp: .*\(\?=/,
      ],
      [
        "compares any number of items",
        [{ topics: "a", schema: { properties: { x: { type: "array", uniqueItems: true } } } }],
        /uniqueItems needs maxItems of at most 1000$/,
      ],
    ];
    for (const [what, content, expected] of cases) {
      it(`that ${what}`, async () => {
        const error: unknown = await read(content).catch((reason: unknown) => reason);
        if (!(error instanceof ShardcastError)) throw new Error(`no code: ${String(error)}`);
        expect(error.code).to.equal("SHARDCAST_OPTION_INVALID");
        expect(error.message).to.match(expected);
        expect(error.message).to.include(`--schemas ${file}`);
        expect(error.message).not.to.include("\n");
      });
    }

    it("that is not there", async () => {
      const error: unknown = await readSchemaFile(join(folder, "none")).catch((e: unknown) => e);
      expect((error as ShardcastError).message).to.match(/none cannot be read: ENOENT$/);
    });
  });
});
