// GET /openapi.json: what the routes say of themselves.
import swagger from "@fastify/swagger";
import type { FastifyInstance, FastifySchema } from "fastify";
import { CLIENT_SECURITY, PROBLEM_SCHEMA, SECURITY_SCHEMES } from "./schemas.ts";

const VERSION = "0.1.0";

declare module "fastify" {
  interface FastifyContextConfig {
    /** A body that is described, and taken as it is: Fastify would check one that the schema has. */
    readonly rawBody?: {
      readonly content: Readonly<Record<string, { readonly schema: object }>>;
    };
  }
}

/** To be called before the routes are added. */
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
      // Where the document is from, whatever the node is called there.
      servers: [{ url: "/" }],
      components: { securitySchemes: SECURITY_SCHEMES },
    },
    // Components are called as their schemas are.
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
