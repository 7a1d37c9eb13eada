// GET /openapi.json: what the routes say of themselves.
import swagger from "@fastify/swagger";
import type { FastifyInstance } from "fastify";

const VERSION = "0.1.0";

/** To be called before the routes are added. */
export async function addOpenApi(http: FastifyInstance, title: string): Promise<void> {
  await http.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: { title, version: VERSION, description: "docs/http.md tells how to use it" },
      components: {
        securitySchemes: {
          token: {
            type: "http",
            scheme: "bearer",
            description: "A client's token, the API key, or the admin key",
          },
          webhook: {
            type: "apiKey",
            in: "header",
            name: "webhook-signature",
            description: "Standard Webhooks: webhook-id, webhook-timestamp, webhook-signature",
          },
        },
      },
    },
  });
  http.get("/openapi.json", { schema: { hide: true } }, () => http.swagger());
}
