// Logs what administrators change: who did it, which operation, the parameters of its path, and the answer's status.
import type { FastifyInstance } from "fastify";
import type { Logger } from "pino";
import type { HttpAccess } from "./http-access.ts";

/** Logs the requests to the routes of `http` that change something. */
export function logActions(http: FastifyInstance, access: HttpAccess, logger: Logger): void {
  http.addHook("onResponse", (request, reply, done) => {
    const by = access.administratorOf(request);
    if (by !== "") {
      const { operationId = "" } = (request.routeOptions.schema ?? {}) as { operationId?: string };
      const { statusCode } = reply;
      const target = request.params as Readonly<Record<string, string>>;
      logger.info(
        { by, operation: operationId, ...target, status: statusCode },
        "an administrator acted",
      );
    }
    done();
  });
}
