// Routes that read: event streams, pages of messages, and the list of topics.
// docs/http.md#subscribe
import { randomUUID } from "node:crypto";
import { ShardcastError, formatFrom, parseFrom, type From } from "@shardcast/protocol";
import type { Log } from "@shardcast/log";
import {
  addressHolder,
  holdersOf,
  type HttpAccess,
  type LinkAccess,
  type NodeCore,
} from "@shardcast/server";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { PUSH_TOPIC } from "../push/push-topic.ts";
import type { SubscriberHandler } from "../links/subscriber-handler.ts";
import { EventStream } from "./event-stream.ts";
import { EventTexts } from "./event-texts.ts";
import { readPage } from "./json-page.ts";
import { PageSlots } from "./page-slots.ts";
import { answerLater } from "./stream-retry.ts";
import {
  DEFAULT_LIMIT,
  MAX_LIMIT,
  MESSAGES_SCHEMA,
  SUBSCRIBE_SCHEMA,
  TOPICS_SCHEMA,
  TOPIC_SCHEMA,
} from "./topic-schemas.ts";
import { TopicsCursor } from "./topics-cursor.ts";

/** How many names are examined for one page of topics. */
const MAX_NAMES = 10_000;

export interface TopicRoutesOptions {
  readonly core: NodeCore;
  readonly access: HttpAccess;
  readonly handler: SubscriberHandler;
  readonly log: Log;
  /** Whether the log has the topics of all consumers. */
  readonly isLogShared: boolean;
}

interface TopicRequest {
  readonly Params: { readonly topic: string };
  readonly Querystring: {
    readonly from?: string;
    readonly after?: string;
    readonly limit?: number;
    readonly lastEventId?: string;
  };
}

interface ListRequest {
  readonly Querystring: { readonly after?: string; readonly limit?: number };
}

interface ListWanted {
  readonly after: string;
  readonly limit: number;
  readonly cursor: TopicsCursor;
}

export function addTopicRoutes(http: FastifyInstance, options: TopicRoutesOptions): void {
  const { core, access, handler } = options;
  const texts = new EventTexts();
  const slots = new PageSlots();
  const cursor = new TopicsCursor(core.options.keys);
  http.addHook("onRequest", access.onRequest);
  http.addHook("preHandler", access.preHandler);

  http.get<TopicRequest>("/subscribe/:topic", {
    schema: SUBSCRIBE_SCHEMA,
    // A stream has no end, and its head alone has no use.
    exposeHeadRoute: false,
    errorHandler: answerLater,
    handler: async (request, reply) => {
      const { topic } = request.params;
      const { access: caller } = access.callerOf(request);
      if (core.sweep.linkCount >= core.options.maxLinks) {
        throw new ShardcastError("SHARDCAST_NODE_FULL");
      }
      const from = startOf(request);
      // Without a socket, the response waits behind an unfinished one, and gets no event when its
      // client disconnects.
      if (reply.raw.socket === null && !reply.raw.destroyed) {
        throw new ShardcastError("SHARDCAST_REQUEST_INVALID", "a stream cannot be pipelined");
      }
      // No further event would report that the client has disconnected.
      if (reply.raw.destroyed || request.raw.socket.destroyed) {
        throw new ShardcastError("SHARDCAST_LINK_LOST");
      }
      const address = access.addressOf(request);
      // The stream counts as a link, not as a request.
      const entered = caller === undefined ? undefined : core.gate.enter(caller.identity, address);
      const parts = { core, handler, texts, id: randomUUID(), topic, address, access: entered };
      const stream = new EventStream(reply.raw, parts);
      for (const [name, value] of Object.entries(reply.getHeaders())) {
        if (value !== undefined) reply.raw.setHeader(name, value);
      }
      await stream.start(from);
      reply.hijack();
    },
  });

  http.get<TopicRequest>("/topics/:topic/messages", {
    schema: MESSAGES_SCHEMA,
    handler: async (request, reply) => {
      const { topic } = request.params;
      const { after = "earliest", limit = DEFAULT_LIMIT } = request.query;
      const from = parseFrom(after);
      const { access: caller } = access.callerOf(request);
      const fault = caller?.historyFault(topic);
      if (fault !== undefined) throw new ShardcastError(fault);
      const holders = caller ? holdersOf(caller) : [addressHolder(access.addressOf(request))];
      slots.take(reply.raw, holders);
      return { topic, ...(await readPage(handler, { topic, from, limit, access: caller })) };
    },
  });

  http.get<TopicRequest>("/topics/:topic", {
    schema: TOPIC_SCHEMA,
    handler: async (request) => {
      const { topic } = request.params;
      const { access: caller } = access.callerOf(request);
      const from: From = { type: "live" };
      const { head, oldest } = await readPage(handler, { topic, from, limit: 1, access: caller });
      return { topic, owner: core.membership.ownerOf(topic)?.id ?? "", head, oldest };
    },
  });

  http.get<ListRequest>("/topics", {
    schema: TOPICS_SCHEMA,
    handler: (request) => {
      const { after = "", limit = DEFAULT_LIMIT } = request.query;
      return listTopics(options, access.callerOf(request).access, { after, limit, cursor });
    },
  });
}

async function listTopics(
  { log, isLogShared, core }: TopicRoutesOptions,
  access: LinkAccess | undefined,
  { after, limit, cursor }: ListWanted,
): Promise<{ readonly topics: readonly string[]; readonly next: string }> {
  const topics: string[] = [];
  let last = cursor.nameOf(after);
  for (let seen = 0; seen < MAX_NAMES;) {
    const names = await log.topics(last, MAX_LIMIT);
    for (const name of names) {
      last = name;
      const isHere = name !== PUSH_TOPIC && (isLogShared || core.membership.owns(name));
      const mayFollow = access?.followFault(name, { type: "live" }) === undefined;
      if (isHere && mayFollow) topics.push(name);
      if (topics.length === limit) return { topics, next: cursor.seal(last) };
    }
    seen += names.length;
    if (names.length < MAX_LIMIT) return { topics, next: "" };
  }
  return { topics, next: cursor.seal(last) };
}

/** Where a stream starts: after the client's last event, or as the query asks. */
function startOf({ headers, query }: FastifyRequest<TopicRequest>): From {
  const header = headers["last-event-id"];
  const given = typeof header === "string" && header !== "" ? header : query.lastEventId;
  // A client without an event yet sends an empty id.
  const last = given === "" ? undefined : given;
  const from = parseFrom(last ?? query.from ?? "live");
  if (last !== undefined && from.type !== "position") {
    throw new ShardcastError("SHARDCAST_POSITION_INVALID", `${formatFrom(from)} is no position`);
  }
  return from;
}
