// JSON Schemas that several routes share. They validate requests and describe them in
// /openapi.json.

/** The ways to authenticate, by their names in /openapi.json. */
export const SECURITY_SCHEMES = {
  token: {
    type: "http",
    scheme: "bearer",
    description: "A client's token (a JWT), or the API key",
  },
  adminKey: { type: "http", scheme: "bearer", description: "The admin key" },
  webhookId: signatureHeader("webhook-id", "Names the message; the same for each try"),
  webhookTimestamp: signatureHeader("webhook-timestamp", "Seconds since 1970, UTC"),
  webhookSignature: signatureHeader("webhook-signature", "v1,<base64> or v1a,<base64>"),
} as const;

/** For client routes: a token or a key, or the three headers of a signed request. */
export const CLIENT_SECURITY = [
  { token: [] },
  { webhookId: [], webhookTimestamp: [], webhookSignature: [] },
];

/** For administrators' routes: the admin key, or a token with a permission on every topic. */
export const ADMIN_SECURITY = [{ adminKey: [] }, { token: [] }];

/** For public routes. */
export const NO_SECURITY: never[] = [];

export const PROBLEM_SCHEMA = {
  $id: "Problem",
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

/** The error responses of every route. */
export const PROBLEM_RESPONSES = {
  "4xx": problemResponse("The request is refused"),
  "5xx": problemResponse("The node cannot do it now"),
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
    user: { type: "string", description: "The user whose token published it" },
    attributes: { type: "object", additionalProperties: { type: "string" } },
    payload: { type: "string", description: "Where it is UTF-8" },
    payloadBase64: { type: "string", description: "Where it is not" },
  },
} as const;

function problemResponse(description: string): object {
  const schema = { $ref: "Problem#" };
  return { description, content: { "application/problem+json": { schema } } };
}

function signatureHeader(name: string, description: string) {
  return {
    type: "apiKey",
    in: "header",
    name,
    description: `Standard Webhooks: ${description}`,
  } as const;
}
