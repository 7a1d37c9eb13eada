// GET /openapi.json: the OpenAPI document, built from the routes' schemas.
import swagger from "@fastify/swagger";
import type { FastifyInstance, FastifySchema } from "fastify";
import { CLIENT_SECURITY, PROBLEM_SCHEMA, SECURITY_SCHEMES } from "./schemas.ts";

const VERSION = "0.1.0";

declare module "fastify" {
  interface FastifyContextConfig {
    /**
     * Describes a body that the route takes as raw bytes. A body in the schema itself would be
     * validated by Fastify.
     */
    readonly rawBody?: {
      readonly content: Readonly<Record<string, { readonly schema: object }>>;
    };
  }
}

/** Call this before the routes are added. */
export async function addOpenApi(
  http: FastifyInstance,
  title: string,
  isAnonymousAllowed: boolean,
): Promise<void> {
  http.addSchema(PROBLEM_SCHEMA);
  await http.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: {
        title,
        version: VERSION,
        description: "docs/http.md tells how to use it",
        license: { name: "MIT", identifier: "MIT" },
      },
      // Relative to the document's own URL, so that it holds for every name of the node.
      servers: [{ url: "/" }],
      components: { securitySchemes: SECURITY_SCHEMES },
    },
    // Components have the names of their schemas.
    refResolver: { buildLocalReference: ({ $id }) => $id as string },
    transform: ({ schema, url, route }) => {
      const { rawBody } = route.config ?? {};
      const described: FastifySchema = { ...schema };
      if (rawBody !== undefined) described.body = rawBody;
      if (isAnonymousAllowed && described.security === CLIENT_SECURITY) {
        described.security = [...CLIENT_SECURITY, {}];
      }
      return { schema: described, url };
    },
  });
  http.get("/openapi.json", { schema: { hide: true } }, () => http.swagger());
}
