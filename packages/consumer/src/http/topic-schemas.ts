// JSON Schemas of the routes that read. They validate requests and describe them in /openapi.json.
import {
  CLIENT_SECURITY,
  MESSAGE_SCHEMA,
  POSITION_SCHEMA,
  PROBLEM_RESPONSES,
  TOPIC_PARAMS,
} from "@shardcast/server";

/** The number of messages or topics in one page. */
export const DEFAULT_LIMIT = 100;
export const MAX_LIMIT = 1000;

const LIMIT = { type: "integer", minimum: 1, maximum: MAX_LIMIT, default: DEFAULT_LIMIT } as const;

export const SUBSCRIBE_SCHEMA = {
  operationId: "subscribe",
  summary: "Follows a topic as server-sent events; needs the permission subscribe",
  security: CLIENT_SECURITY,
  params: TOPIC_PARAMS,
  querystring: {
    type: "object",
    properties: {
      from: { type: "string", default: "live", description: "Where to start" },
      lastEventId: { ...POSITION_SCHEMA, description: "As the header Last-Event-ID" },
    },
  },
  headers: {
    type: "object",
    properties: { "last-event-id": { ...POSITION_SCHEMA, description: "Counts before from" } },
  },
  response: {
    200: { content: { "text/event-stream": { schema: { type: "string" } } } },
    ...PROBLEM_RESPONSES,
  },
} as const;

export const MESSAGES_SCHEMA = {
  operationId: "readMessages",
  summary: "Messages of a topic; needs the permissions subscribe and history",
  security: CLIENT_SECURITY,
  params: TOPIC_PARAMS,
  querystring: {
    type: "object",
    properties: {
      after: {
        type: "string",
        default: "earliest",
        description: "A position, earliest, last:<count> or since:<ms>",
      },
      limit: LIMIT,
    },
  },
  response: {
    200: {
      type: "object",
      required: ["topic", "messages", "position", "head", "oldest"],
      properties: {
        topic: { type: "string" },
        messages: { type: "array", items: MESSAGE_SCHEMA },
        position: { ...POSITION_SCHEMA, description: "Where the next page begins" },
        head: POSITION_SCHEMA,
        oldest: POSITION_SCHEMA,
        gap: {
          type: "object",
          description: "These were asked for and cannot be had",
          properties: {
            first: { type: "integer" },
            last: { type: "integer" },
            code: { type: "string", description: "Where they are damaged, and not only old" },
          },
        },
      },
    },
    ...PROBLEM_RESPONSES,
  },
} as const;

export const TOPIC_SCHEMA = {
  operationId: "describeTopic",
  summary: "Where a topic stands, and who owns it; needs the permission subscribe",
  security: CLIENT_SECURITY,
  params: TOPIC_PARAMS,
  response: {
    200: {
      type: "object",
      required: ["topic", "owner", "head", "oldest"],
      properties: {
        topic: { type: "string" },
        owner: { type: "string", description: "The id of the consumer that owns it" },
        head: { ...POSITION_SCHEMA, description: "Of the last message" },
        oldest: { ...POSITION_SCHEMA, description: "Of the first one that is kept" },
      },
    },
    ...PROBLEM_RESPONSES,
  },
} as const;

export const TOPICS_SCHEMA = {
  operationId: "listTopics",
  summary: "Topics that this consumer owns (with Redis: all), and the caller may follow",
  security: CLIENT_SECURITY,
  querystring: {
    type: "object",
    properties: { after: { type: "string", default: "" }, limit: LIMIT },
  },
  response: {
    200: {
      type: "object",
      required: ["topics", "next"],
      properties: {
        topics: { type: "array", items: { type: "string" } },
        next: {
          type: "string",
          description: "What `after` of the next page is; empty at the end",
        },
      },
    },
    ...PROBLEM_RESPONSES,
  },
} as const;
