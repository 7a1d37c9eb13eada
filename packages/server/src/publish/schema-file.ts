// Reads the file of --schemas, and compiles its JSON Schemas (2020-12). docs/operations.md#schemas
import { optionInvalid, readJsonFile } from "@shardcast/options";
import { TopicPattern, topicPatternFault } from "@shardcast/protocol";
import type { Ajv2020, AnySchema, ErrorObject } from "ajv/dist/2020.js";
import type { RE2JS } from "re2js";
import { TopicSchemas, type SchemaCheck, type TopicSchema } from "./topic-schemas.ts";

const OPTION = "--schemas";
/** To find equal items takes the square of their number. */
const UNIQUE_MAX_ITEMS = 1000;
/** Keywords whose values are data, not schemas. */
const DATA_KEYWORDS = new Set(["const", "default", "enum", "examples"]);

interface Entry {
  readonly topics: string;
  readonly schema: AnySchema;
}

/** @throws SHARDCAST_OPTION_INVALID */
export async function readSchemaFile(file: string): Promise<TopicSchemas> {
  const entries = entriesOf(file, readJsonFile(OPTION, file));
  // Loaded here, so that a node without schemas does not hold them in memory.
  const [{ Ajv2020: Ajv }, { RE2JS: Pattern }] = await Promise.all([
    import("ajv/dist/2020.js"),
    import("re2js"),
  ]);
  const schemas = entries.map(({ topics, schema }, index): TopicSchema => {
    try {
      checkUniqueItems(schema);
      return { topics: new TopicPattern(topics), check: compile(createAjv(Ajv, Pattern), schema) };
    } catch (error) {
      const why = error instanceof Error ? error.message.replaceAll(/\s+/g, " ") : String(error);
      throw optionInvalid(
        `${OPTION} ${file}: the schema of entry ${index + 1} (${topics}): ${why}`,
      );
    }
  });
  return new TopicSchemas(schemas);
}

function entriesOf(file: string, content: unknown): readonly Entry[] {
  if (!Array.isArray(content)) throw optionInvalid(`${OPTION} ${file} must be a JSON array`);
  return content.map((entry: unknown, index) => {
    const fault = entryFault(entry);
    if (fault !== undefined) throw optionInvalid(`${OPTION} ${file}: entry ${index + 1} ${fault}`);
    return entry as Entry;
  });
}

function entryFault(entry: unknown): string | undefined {
  if (!isObject(entry)) return "must be an object with topics and schema";
  const { topics, schema, ...rest } = entry;
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined) return `has an unknown property ${JSON.stringify(unknown)}`;
  if (typeof topics !== "string" || topicPatternFault(topics)) {
    return "must have topics: a pattern of 1 to 255 characters";
  }
  if (!isObject(schema) && typeof schema !== "boolean") {
    return "must have schema: a JSON Schema";
  }
  return undefined;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Each schema has its own, so that their ids cannot collide. */
function createAjv(Ajv: typeof Ajv2020, Pattern: typeof RE2JS): Ajv2020 {
  // Matches in linear time. JavaScript's own engine can take exponential time for a text of 30 characters.
  const regExp = (pattern: string): { test: (text: string) => boolean; toString: () => string } => {
    const compiled = Pattern.compile(Pattern.translateRegExp(pattern));
    return { test: (text) => compiled.test(text), toString: () => pattern };
  };
  return new Ajv({
    strict: true,
    strictTuples: false,
    strictRequired: false,
    allowUnionTypes: true,
    allErrors: false,
    ownProperties: true,
    // As in the specification, a format is only an annotation.
    validateFormats: false,
    code: { regExp: Object.assign(regExp, { code: "regExp" }) },
    logger: false,
  });
}

/** There is no loader, so a reference to another document is an error. */
function compile(ajv: Ajv2020, schema: AnySchema): SchemaCheck {
  const validate = ajv.compile(schema);
  return (data) => (validate(data) ? undefined : reasonOf(validate.errors?.[0]));
}

function reasonOf(error: ErrorObject | undefined): string {
  const { instancePath = "", message = "does not match", params = {} } = error ?? {};
  const path = instancePath === "" ? "the payload" : instancePath;
  const { additionalProperty } = params as { readonly additionalProperty?: string };
  const what = additionalProperty === undefined ? "" : `: ${JSON.stringify(additionalProperty)}`;
  return `${path} ${message}${what}`;
}

/** @throws Error */
function checkUniqueItems(schema: unknown): void {
  if (Array.isArray(schema)) schema.forEach(checkUniqueItems);
  if (!isObject(schema)) return;
  const { uniqueItems, maxItems } = schema;
  if (uniqueItems === true && !(typeof maxItems === "number" && maxItems <= UNIQUE_MAX_ITEMS)) {
    throw new Error(`uniqueItems needs maxItems of at most ${UNIQUE_MAX_ITEMS}`);
  }
  for (const [keyword, value] of Object.entries(schema)) {
    if (!DATA_KEYWORDS.has(keyword)) checkUniqueItems(value);
  }
}
