// `shardcast asyncapi`: the parser of AsyncAPI must accept what it prints.
import { writeFileSync } from "node:fs";
import { Parser } from "@asyncapi/parser";
import { expect } from "chai";
import { parse } from "yaml";
import { Command, TempFolder } from "./support.ts";

type Json = Readonly<Record<string, unknown>>;

/** Typed topics of three libraries. */
const TOPICS = "packages/cli/test/topics.js";
const INFO = { title: "Chat", version: "2.1.0" };

interface Parsed {
  /** The schema of the message on each channel, with references resolved, by the channel's address. */
  readonly payloads: Map<string, Json>;
  readonly parameters: Map<string, string[]>;
}

/** Fails where the parser reports an error. */
async function parsed(document: string): Promise<Parsed> {
  const result = await new Parser().parse(document);
  const errors = result.diagnostics.filter(({ severity }) => (severity as number) === 0);
  expect(errors.map(({ message, path }) => [message, path])).to.deep.equal([]);
  const channels = result.document?.channels().all() ?? [];
  expect(result.document?.operations().all().length).to.equal(2 * channels.length);
  return {
    payloads: new Map(
      channels.map((channel) => {
        const [message] = channel.messages().all();
        return [channel.address() ?? "", message?.payload()?.json() as Json];
      }),
    ),
    parameters: new Map(
      channels.map((channel) => [
        channel.address() ?? "",
        channel
          .parameters()
          .all()
          .map((parameter) => parameter.id()),
      ]),
    ),
  };
}

describe("shardcast asyncapi", function () {
  this.timeout(30_000);
  const folder = new TempFolder();

  after(() => folder.remove());

  function write(name: string, content: string): string {
    const file = folder.join(name);
    writeFileSync(file, content);
    return file;
  }

  async function run(...args: readonly string[]): Promise<Command> {
    return new Command(["asyncapi", ...args]).end();
  }

  it("prints a document of typed topics, which the parser accepts", async () => {
    const yaml = await run(TOPICS, "--title", INFO.title, "--api-version", INFO.version);
    expect(yaml.stderr).to.equal("");
    const document = parse(yaml.stdout) as Record<string, Json>;
    expect(document["asyncapi"]).to.equal("3.0.0");
    expect(document["info"]).to.deep.equal(INFO);
    const { payloads, parameters } = await parsed(yaml.stdout);
    expect([...payloads.keys()].sort()).to.deep.equal([
      ...["arktype", "chat/{room}/by/{user}", "comments", "text", "valibot"],
    ]);
    expect(parameters.get("chat/{room}/by/{user}")).to.deep.equal(["room", "user"]);
    expect(payloads.get("chat/{room}/by/{user}")).to.deep.include({
      type: "object",
      required: ["text", "at"],
    });
    expect(document["channels"]).to.have.nested.property(
      "text.messages.text.contentType",
      "text/plain",
    );
    expect(document["channels"]).to.have.nested.property(
      "chat_room_by_user.description",
      "Messages of a room",
    );
    const schema = { type: "object", properties: { text: { type: "string" } }, required: ["text"] };
    for (const name of ["arktype", "valibot"]) {
      expect(withoutMarks(payloads.get(name))).to.deep.include(schema);
    }
    const json = await run(
      TOPICS,
      ...["--format", "json", "--title", INFO.title],
      "--api-version",
      INFO.version,
    );
    expect(JSON.parse(json.stdout)).to.deep.equal(document);
  });

  it("prints a document of a --schemas file, with later keywords and references", async () => {
    const schema = {
      $schema: "https://json-schema.org/draft/2020-12/schema",
      $id: "https://example.org/tree",
      type: "object",
      properties: {
        child: { $ref: "#" },
        leaf: { $ref: "#/$defs/leaf" },
        prefixItems: { type: "string" },
        pair: { type: "array", prefixItems: [{ type: "string" }], items: false },
      },
      $defs: { leaf: { type: "string", default: { prefixItems: [] } } },
      additionalProperties: false,
    };
    const entries = [
      { topics: "trees/*/of/*", schema },
      { topics: "*", schema: true },
      { topics: "trees.*.of.*", schema: false },
    ];
    const file = write("schemas.json", JSON.stringify(entries));
    const { stdout, stderr } = await run(file, "--format", "json");
    expect(stderr).to.equal("");
    const { payloads } = await parsed(stdout);
    expect([...payloads.keys()]).to.deep.equal([
      "trees/{wildcard1}/of/{wildcard2}",
      "{wildcard1}",
      "trees.{wildcard1}.of.{wildcard2}",
    ]);
    const { components } = JSON.parse(stdout) as { components: { schemas: Json } };
    const place = "#/components/schemas/trees_wildcard1_of_wildcard2";
    expect(components.schemas).to.deep.equal({
      trees_wildcard1_of_wildcard2: {
        type: "object",
        properties: {
          child: { $ref: place },
          leaf: { $ref: `${place}/$defs/leaf` },
          prefixItems: { type: "string" },
          pair: { type: "array", items: [{ type: "string" }], additionalItems: false },
        },
        $defs: { leaf: { type: "string", default: { prefixItems: [] } } },
        additionalProperties: false,
      },
      wildcard1: {},
      trees_wildcard1_of_wildcard2_2: { not: {} },
    });
  });

  it("says in one line what is wrong with a file", async () => {
    const failing = "{ input: () => { throw new Error('no dates') } }";
    const definition = (standard: string): string =>
      `export const t = { definitions: { day: { data: { "~standard": ${standard} } } } };`;
    const cases: readonly (readonly [string, RegExp])[] = [
      [folder.join("none.mjs"), /none\.mjs cannot be imported/],
      [folder.join("none.json"), /none\.json cannot be read: ENOENT/],
      [write("bad.json", "{}"), /bad\.json must be a JSON array/],
      [write("bad.mjs", "throw new Error('first\\nsecond')"), /bad\.mjs cannot be imported: first/],
      [
        write("date.mjs", definition(`{ vendor: "any", jsonSchema: ${failing} }`)),
        /the schema of day cannot be converted to JSON Schema: no dates/,
      ],
      [
        write("vendor.mjs", definition('{ vendor: "any" }')),
        /any does not convert the schema of day to JSON Schema: give jsonSchema next to data/,
      ],
      [
        write("empty.mjs", "export const nothing = undefined;"),
        /has no topics: export defineTopics/,
      ],
      [
        write("braces.json", '[{"topics":"a{b}","schema":{}}]'),
        /cannot contain the braces in a\{b\}/,
      ],
    ];
    for (const [file, expected] of cases) {
      const { stdout, stderr, exitCode } = await run(file);
      expect([stdout, exitCode]).to.deep.equal(["", 1]);
      expect(stderr).to.match(expected);
      expect(stderr.trim().split("\n").length).to.equal(1);
    }
  });
});

/** Without what the parser adds. */
function withoutMarks(schema: unknown): unknown {
  if (typeof schema !== "object" || schema === null || Array.isArray(schema)) return schema;
  const own = Object.entries(schema).filter(([name]) => !name.startsWith("x-parser"));
  return Object.fromEntries(own.map(([name, value]) => [name, withoutMarks(value)]));
}
