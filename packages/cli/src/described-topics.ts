// The topics of which `shardcast asyncapi` makes a document, with the JSON Schema of each.
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { optionInvalid, readJsonFile } from "@shardcast/options";
import type { TopicDefinition, TopicDefinitions } from "@shardcast/client/topics";

/** JSON Schema of the draft that AsyncAPI is based on, or a later one. */
export type JsonSchema = boolean | Readonly<Record<string, unknown>>;

export interface DescribedTopic {
  /** A name with parameters such as `chat/:room`, or a pattern such as `chat/*`. */
  readonly name: string;
  /** The name in parts: a parameter has a name, all other text stands for itself. */
  readonly parts: readonly TopicPart[];
  readonly schema: JsonSchema;
  readonly description: string | undefined;
}

export interface TopicPart {
  readonly text: string;
  /** Undefined for literal text. */
  readonly description?: string;
}

/** zod and ArkType can convert their schemas: https://standardschema.dev/json-schema */
interface ConvertibleSchema {
  readonly vendor: string;
  readonly jsonSchema?: { readonly input: (options: { readonly target: string }) => JsonSchema };
}

const ONE_SEGMENT = "One segment of the topic, without a slash";
const ANY_TEXT = "Any text, which may be empty or contain slashes";

/** @throws SHARDCAST_OPTION_INVALID */
export async function readTopics(file: string): Promise<readonly DescribedTopic[]> {
  const topics = file.endsWith(".json")
    ? patternsOf(file, readJsonFile("the file", file))
    : definitionsIn(file, await importModule(file)).map(definedTopic);
  if (topics.length > 0) return topics;
  throw optionInvalid(`${file} has no topics: export defineTopics({ … })`);
}

function patternsOf(file: string, content: unknown): DescribedTopic[] {
  const entries = Array.isArray(content) ? (content as unknown[]) : [undefined];
  return entries.map((entry) => {
    const { topics, schema } = (entry ?? {}) as { topics?: unknown; schema?: JsonSchema | null };
    const isSchema = typeof schema === "boolean" || (typeof schema === "object" && schema !== null);
    if (typeof topics !== "string" || topics === "" || !isSchema) {
      throw optionInvalid(`${file} must be a JSON array of {"topics": …, "schema": …}`);
    }
    return { name: topics, parts: wildcardParts(topics), schema, description: undefined };
  });
}

function wildcardParts(pattern: string): TopicPart[] {
  let count = 0;
  return pattern
    .split(/(\*)/)
    .filter((part) => part !== "")
    .map((part) => {
      if (part !== "*") return { text: part };
      count += 1;
      return { text: `wildcard${count}`, description: ANY_TEXT };
    });
}

async function importModule(file: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    return (await import(pathToFileURL(resolve(file)).href)) as Readonly<Record<string, unknown>>;
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === "ERR_UNKNOWN_FILE_EXTENSION") {
      throw optionInvalid(
        `Node.js ${process.version} cannot import ${file}: for TypeScript use Node.js 22.18 or later`,
      );
    }
    throw optionInvalid(`${file} cannot be imported: ${message.split("\n", 1)[0] ?? ""}`);
  }
}

/** The module may have its own copy of the SDK, so what it exports is recognised by its shape. */
function definitionsIn(
  file: string,
  module: Readonly<Record<string, unknown>>,
): (readonly [string, TopicDefinition])[] {
  const found = new Map<string, TopicDefinition>();
  for (const exported of Object.values(module)) {
    const { definitions } = (exported ?? {}) as { readonly definitions?: TopicDefinitions };
    if (typeof definitions !== "object") continue;
    for (const [name, definition] of Object.entries(definitions)) {
      const known = found.get(name);
      if (known !== undefined && known !== definition) {
        throw optionInvalid(`${file} defines the topic ${name} twice`);
      }
      found.set(name, definition);
    }
  }
  return [...found];
}

function definedTopic([name, definition]: readonly [string, TopicDefinition]): DescribedTopic {
  const parts = name.split(/(?<=\/)/).flatMap((segment): TopicPart[] => {
    if (!segment.startsWith(":")) return [{ text: segment }];
    const isLast = !segment.endsWith("/");
    const param = { text: segment.slice(1, isLast ? undefined : -1), description: ONE_SEGMENT };
    return isLast ? [param] : [param, { text: "/" }];
  });
  const { description } = definition;
  return { name, parts, schema: schemaOf(name, definition), description };
}

function schemaOf(name: string, { data, jsonSchema }: TopicDefinition): JsonSchema {
  if (jsonSchema !== undefined) return jsonSchema as JsonSchema;
  const standard = data["~standard"] as ConvertibleSchema;
  if (standard.jsonSchema === undefined) {
    throw optionInvalid(
      `${standard.vendor} does not convert the schema of ${name} to JSON Schema: give jsonSchema next to data`,
    );
  }
  try {
    return standard.jsonSchema.input({ target: "draft-07" });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message.replaceAll(/\s+/g, " ") : String(cause);
    throw optionInvalid(`the schema of ${name} cannot be converted to JSON Schema: ${why}`);
  }
}
