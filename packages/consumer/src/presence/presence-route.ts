// GET /topics/:topic/presence: who is on a topic, for back ends.
import {
  PRESENCE_PAGE_MAX_COUNT,
  ShardcastError,
  formatPosition,
  presenceTopicFault,
} from "@shardcast/protocol";
import { optionInvalid, type HttpServer } from "@shardcast/server";
import type { ApiKey } from "../api-key.ts";
import type { PresenceDesk } from "./presence-desk.ts";

const DEFAULT_LIMIT = 100;

interface Query {
  readonly after?: string;
  readonly limit?: string;
}

export function addPresenceRoute(http: HttpServer, desk: PresenceDesk, key: ApiKey): void {
  http.get<{ Params: { topic: string }; Querystring: Query }>(
    "/topics/:topic/presence",
    async (request) => {
      key.check(request.headers.authorization);
      const { topic } = request.params;
      const fault = presenceTopicFault(topic);
      if (fault !== undefined) throw new ShardcastError(fault);
      const after = numberOf("after", request.query.after, 0, Number.MAX_SAFE_INTEGER);
      const limit = numberOf("limit", request.query.limit, DEFAULT_LIMIT, PRESENCE_PAGE_MAX_COUNT);
      const { position, count, users, members, next } = await desk.page(topic, after, limit);
      return { topic, position: formatPosition(position), count, users, members, next };
    },
  );
}

function numberOf(name: string, text: string | undefined, other: number, max: number): number {
  if (text === undefined) return other;
  const value = Number(text);
  if (text === "" || !Number.isInteger(value) || value < 0 || value > max) {
    throw optionInvalid(`${name} is a whole number from 0 to ${max}`);
  }
  return value;
}
