// JSON Schemas of the push routes. They validate requests and describe them in /openapi.json.
import { ADMIN_SECURITY, PROBLEM_RESPONSES } from "@shardcast/server";

const NAME_PARAMS = {
  type: "object",
  required: ["name"],
  properties: { name: { type: "string", description: "1 to 64 letters, digits, or any of . _ -" } },
} as const;

const CONFIG = {
  topics: {
    type: "array",
    items: { type: "string" },
    description: "Topic patterns: orders/*",
    examples: [["orders/*"]],
  },
  url: { type: "string", description: "Where to POST to; https: unless --push-allow-http" },
  from: {
    type: "string",
    enum: ["created", "earliest"],
    default: "created",
    description: "Start with what is stored from now on, or with all there is",
  },
  retryMs: {
    type: "array",
    items: { type: "integer", minimum: 0 },
    description: "The waits before each further attempt; those of Standard Webhooks by default",
  },
  retryForMs: {
    type: "integer",
    default: 0,
    description: "So long after the first attempt, the last of these waits comes again and again",
  },
  timeoutMs: { type: "integer", default: 15_000, description: "What one attempt may take" },
  concurrency: { type: "integer", default: 16, description: "Requests at once, of each consumer" },
  deadLetter: {
    type: "string",
    description: "The topic of messages that were given up; dead-letter/<name> by default",
  },
  enabled: { type: "boolean", default: true },
} as const;

const SUBSCRIPTION_SCHEMA = {
  type: "object",
  required: ["name", "source", "keys", "createdAt", ...Object.keys(CONFIG)],
  properties: {
    name: { type: "string" },
    source: { type: "string", enum: ["file", "api"], description: "Where it is configured" },
    ...CONFIG,
    keys: { type: "integer", description: "How many keys sign; they are never told" },
    createdAt: { type: "integer", description: "In ms since 1970, UTC" },
    disabled: { type: "string", description: "Why its endpoint wants nothing more" },
    secret: { type: "string", description: "The key that was made for it; told this once" },
  },
} as const;

export const LIST_PUSH_SCHEMA = {
  operationId: "listPush",
  summary: "The push subscriptions; needs the permission monitor",
  security: ADMIN_SECURITY,
  response: {
    200: {
      type: "object",
      required: ["subscriptions"],
      properties: { subscriptions: { type: "array", items: SUBSCRIPTION_SCHEMA } },
    },
    ...PROBLEM_RESPONSES,
  },
} as const;

export const GET_PUSH_SCHEMA = {
  operationId: "describePush",
  summary: "A push subscription; needs the permission monitor",
  security: ADMIN_SECURITY,
  params: NAME_PARAMS,
  response: { 200: SUBSCRIPTION_SCHEMA, ...PROBLEM_RESPONSES },
} as const;

export const PUT_PUSH_SCHEMA = {
  operationId: "putPush",
  summary: "Makes a push subscription or changes it; needs the permission admin",
  security: ADMIN_SECURITY,
  params: NAME_PARAMS,
  body: {
    type: "object",
    required: ["topics", "url"],
    additionalProperties: false,
    properties: {
      ...CONFIG,
      keys: {
        type: "array",
        items: { type: "string" },
        description: "whsec_… or whsk_…, newest first; without any, they stay, or one is made",
      },
      secret: { type: "string", description: "The same where there is one" },
    },
  },
  response: { 200: SUBSCRIPTION_SCHEMA, ...PROBLEM_RESPONSES },
} as const;

export const ENABLE_PUSH_SCHEMA = {
  operationId: "enablePush",
  summary: "Lets a push subscription go on that was disabled; needs the permission admin",
  security: ADMIN_SECURITY,
  params: NAME_PARAMS,
  response: { 200: SUBSCRIPTION_SCHEMA, ...PROBLEM_RESPONSES },
} as const;

export const DELETE_PUSH_SCHEMA = {
  operationId: "deletePush",
  summary: "Deletes a push subscription, and how far it was; needs the permission admin",
  security: ADMIN_SECURITY,
  params: NAME_PARAMS,
  response: { 204: { type: "null" }, ...PROBLEM_RESPONSES },
} as const;
