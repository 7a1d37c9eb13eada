// What several routes have in common, as JSON Schema: it checks requests, and describes them in /openapi.json.

const PROBLEM_SCHEMA = {
  type: "object",
  description: "Problem details (RFC 9457); the code is one of the table in docs/protocol.md",
  required: ["type", "title", "status", "detail", "code"],
  properties: {
    type: { type: "string" },
    title: { type: "string" },
    status: { type: "integer" },
    detail: { type: "string" },
    code: { type: "string", examples: ["SHARDCAST_FORBIDDEN"] },
  },
} as const;

/** Every route may answer so. */
export const PROBLEM_RESPONSES = {
  "4xx": { content: { "application/problem+json": { schema: PROBLEM_SCHEMA } } },
  "5xx": { content: { "application/problem+json": { schema: PROBLEM_SCHEMA } } },
} as const;

export const TOPIC_PARAMS = {
  type: "object",
  required: ["topic"],
  properties: { topic: { type: "string", description: "The topic, percent-encoded" } },
} as const;

export const POSITION_SCHEMA = {
  type: "string",
  description: "<epoch>_<offset>",
  examples: ["0123456789abcdef_42"],
} as const;

export const ANSWER_SCHEMA = {
  type: "object",
  required: ["topic", "position", "duplicate"],
  properties: {
    topic: { type: "string" },
    position: POSITION_SCHEMA,
    duplicate: { type: "boolean", description: "It was stored before, at this position" },
  },
} as const;

export const MESSAGE_SCHEMA = {
  type: "object",
  required: ["position", "time"],
  properties: {
    position: POSITION_SCHEMA,
    time: { type: "integer", description: "When it was stored, in ms since 1970, UTC" },
    messageId: { type: "string" },
    attributes: { type: "object", additionalProperties: { type: "string" } },
    payload: { type: "string", description: "Where it is UTF-8" },
    payloadBase64: { type: "string", description: "Where it is not" },
  },
} as const;
