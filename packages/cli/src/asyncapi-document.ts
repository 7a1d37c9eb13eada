// Makes an AsyncAPI 3 document: a channel for each topic, with its message, and the two operations of a client.
// https://www.asyncapi.com/docs/reference/specification/v3.0.0
import { optionInvalid } from "@shardcast/options";
import type { DescribedTopic, JsonSchema, TopicPart } from "./described-topics.ts";

export interface DocumentInfo {
  readonly title: string;
  readonly version: string;
}

type Fields = Record<string, unknown>;

/** Keywords whose values are schemas by name. */
const NAMED_SCHEMAS = new Set([
  ...["$defs", "definitions", "properties", "patternProperties", "dependentSchemas"],
]);
/** Keywords whose values are data. */
const DATA = new Set(["const", "default", "enum", "examples"]);
/** They identify the schema itself. In the document, the place of a schema does that. */
const IDENTITY = new Set(["$schema", "$id"]);

/** @throws SHARDCAST_OPTION_INVALID if two topics have the same address */
export function asyncapiOf(topics: readonly DescribedTopic[], info: DocumentInfo): object {
  const [channels, operations, schemas]: [Fields, Fields, Fields] = [{}, {}, {}];
  for (const topic of topics) {
    const id = freeId(topic, channels);
    channels[id] = channelOf(topic, id);
    schemas[id] = schemaObject(topic.schema, `#/components/schemas/${id}`);
    const channel = { $ref: `#/channels/${id}` };
    const messages = [{ $ref: `#/channels/${id}/messages/${id}` }];
    operations[`publish_${id}`] = { action: "send", channel, messages };
    operations[`subscribe_${id}`] = { action: "receive", channel, messages };
  }
  return {
    asyncapi: "3.0.0",
    info: { title: info.title, version: info.version },
    defaultContentType: "application/json",
    channels,
    operations,
    components: { schemas },
  };
}

function channelOf({ name, parts, schema, description }: DescribedTopic, id: string): Fields {
  const parameters = parts.filter((part) => part.description !== undefined);
  const isText = typeof schema === "object" && schema["type"] === "string";
  const payload = { $ref: `#/components/schemas/${id}` };
  return {
    address: addressOf(parts),
    title: name,
    ...(description === undefined ? {} : { description }),
    ...(parameters.length === 0
      ? {}
      : {
          parameters: Object.fromEntries(
            parameters.map(({ text, description: what }) => [text, { description: what }]),
          ),
        }),
    messages: { [id]: { name: id, ...(isText ? { contentType: "text/plain" } : {}), payload } },
  };
}

function addressOf(parts: readonly TopicPart[]): string {
  return parts
    .map(({ text, description }) => {
      if (description !== undefined) return `{${text}}`;
      if (/[{}]/.test(text)) throw optionInvalid(`an address cannot contain the braces in ${text}`);
      return text;
    })
    .join("");
}

/** Made of the name, because tools that generate code name functions by it. */
function freeId({ parts }: DescribedTopic, taken: Fields): string {
  const text = parts.map((part) => part.text).join("");
  const id = text.replaceAll(/[^A-Za-z0-9]+/g, "_").replaceAll(/^_|_$/g, "") || "topic";
  for (let number = 1; ; number += 1) {
    const free = number === 1 ? id : `${id}_${number}`;
    if (!Object.hasOwn(taken, free)) return free;
  }
}

/** The schema as a Schema Object, which is a superset of JSON Schema draft 7. `place` is where it stands. */
function schemaObject(schema: unknown, place: string): unknown {
  if (schema === true) return {};
  if (schema === false) return { not: {} };
  return moved(schema, place);
}

/** A reference within the schema becomes one within the document, and later keywords those of draft 7. */
function moved(schema: unknown, place: string): unknown {
  if (Array.isArray(schema)) return schema.map((item: unknown) => moved(item, place));
  if (typeof schema !== "object" || schema === null) return schema;
  const { prefixItems, ...fields } = schema as Fields;
  const { items } = fields;
  const isTuple = Array.isArray(prefixItems);
  const draft7 = {
    ...fields,
    ...(isTuple ? { items: prefixItems } : {}),
    ...(isTuple && items !== undefined ? { additionalItems: items } : {}),
  };
  const entries = Object.entries(draft7).filter(([keyword]) => !IDENTITY.has(keyword));
  return Object.fromEntries(
    entries.map(([keyword, value]) => [keyword, movedValue(keyword, value, place)]),
  );
}

function movedValue(keyword: string, value: unknown, place: string): unknown {
  if (DATA.has(keyword)) return value;
  if (keyword === "$ref" && typeof value === "string") {
    return /^#(\/|$)/.test(value) ? `${place}${value.slice(1)}` : value;
  }
  if (!NAMED_SCHEMAS.has(keyword) || typeof value !== "object" || value === null) {
    return moved(value, place);
  }
  const named = Object.entries(value as Readonly<Record<string, JsonSchema>>);
  return Object.fromEntries(named.map(([name, schema]) => [name, moved(schema, place)]));
}
