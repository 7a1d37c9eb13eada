// Routes for administrators that manage push subscriptions. docs/push.md
import { randomBytes } from "node:crypto";
import { ShardcastError } from "@shardcast/protocol";
import { logActions, type HttpAccess, type NodeCore } from "@shardcast/server";
import type { FastifyInstance } from "fastify";
import { checkPushName, parsePushConfig, type PushConfig } from "./push-config.ts";
import type { PushOptions } from "./push-options.ts";
import type { PushRegistry } from "./push-registry.ts";
import {
  DELETE_PUSH_SCHEMA,
  ENABLE_PUSH_SCHEMA,
  GET_PUSH_SCHEMA,
  LIST_PUSH_SCHEMA,
  PUT_PUSH_SCHEMA,
} from "./push-schemas.ts";
import type { PushDescription, PushSubscription } from "./push-subscription.ts";

const SECRET_BYTES = 32;
/** How long a request waits for a node that has just started to read all subscriptions. */
const CATCH_UP_MS = 3000;
const POLL_MS = 10;

export interface PushRoutesOptions {
  readonly access: HttpAccess;
  readonly registry: PushRegistry;
  readonly urlFault: PushOptions["urlFault"];
  readonly logger: NodeCore["logger"];
}

interface NameRequest {
  readonly Params: { readonly name: string };
}

/** Adds the routes to `http`, which must be a context for them alone. */
export function addPushRoutes(http: FastifyInstance, options: PushRoutesOptions): void {
  const { access, registry, logger } = options;
  logActions(http, access, logger);
  const reads = { onRequest: access.onMonitorRequest };
  const changes = { onRequest: access.onAdminRequest };

  http.get("/push", { schema: LIST_PUSH_SCHEMA, ...reads }, async () => {
    await caughtUp(registry);
    return { subscriptions: registry.all().map((subscription) => subscription.describe()) };
  });

  http.get<NameRequest>(
    "/push/:name",
    { schema: GET_PUSH_SCHEMA, ...reads },
    async ({ params }) => {
      await caughtUp(registry);
      return found(registry, params.name).describe();
    },
  );

  http.put<NameRequest>(
    "/push/:name",
    { schema: PUT_PUSH_SCHEMA, ...changes },
    async ({ params, body }) => {
      await caughtUp(registry);
      return put(options, params.name, body);
    },
  );

  http.delete<NameRequest>(
    "/push/:name",
    { schema: DELETE_PUSH_SCHEMA, ...changes },
    async ({ params }, reply) => {
      await caughtUp(registry);
      await registry.delete(params.name);
      return reply.code(204).send(null);
    },
  );

  http.post<NameRequest>(
    "/push/:name/enable",
    { schema: ENABLE_PUSH_SCHEMA, ...changes },
    async (request) => {
      await caughtUp(registry);
      return (await registry.enable(request.params.name)).describe();
    },
  );
}

async function put(
  { registry, urlFault }: PushRoutesOptions,
  name: string,
  body: unknown,
): Promise<PushDescription & { readonly secret?: string }> {
  const known = registry.get(name);
  const made = `whsec_${randomBytes(SECRET_BYTES).toString("base64")}`;
  const config = configOf(name, body, known?.config.keys ?? [made], urlFault);
  const subscription = await registry.put(name, config);
  const isMade = config.keys[0] === made;
  return { ...subscription.describe(), ...(isMade ? { secret: made } : {}) };
}

/** @throws SHARDCAST_REQUEST_INVALID */
function configOf(
  name: string,
  body: unknown,
  keys: readonly string[],
  urlFault: PushOptions["urlFault"],
): PushConfig {
  let fault: string | undefined;
  try {
    checkPushName(name);
    const config = parsePushConfig(name, body, keys);
    fault = urlFault(config.url);
    if (fault === undefined) return config;
  } catch (error) {
    fault = error instanceof Error ? error.message : "";
  }
  throw new ShardcastError("SHARDCAST_REQUEST_INVALID", fault);
}

function found(registry: PushRegistry, name: string): PushSubscription {
  const subscription = registry.get(name);
  if (subscription === undefined) throw new ShardcastError("SHARDCAST_NOT_FOUND");
  return subscription;
}

/**
 * Waits until the registry has read all subscriptions. If the topic's owner is unavailable, the
 * request uses those that are known.
 */
async function caughtUp(registry: PushRegistry): Promise<void> {
  const deadline = performance.now() + CATCH_UP_MS;
  while (!registry.isCaughtUp && performance.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
