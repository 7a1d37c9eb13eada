// The page at /client/: files that are read once at the start, served with a policy that blocks all other content.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { FastifyInstance } from "fastify";

const FILES = {
  "/client/": { name: "index.html", type: "text/html; charset=utf-8" },
  "/client/client.js": { name: "client.js", type: "text/javascript; charset=utf-8" },
  "/client/frame-view.js": { name: "frame-view.js", type: "text/javascript; charset=utf-8" },
  "/client/style.css": { name: "style.css", type: "text/css; charset=utf-8" },
} as const;

/** The headers of every page of the switchboard. */
export const PAGE_HEADERS = {
  "content-security-policy": [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src http: https:",
    "connect-src 'self' ws: wss:",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; "),
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
} as const;

/** @param folder the folder with the files */
export function addWebClient(http: FastifyInstance, folder: string): void {
  for (const [path, { name, type }] of Object.entries(FILES)) {
    const content = readFileSync(join(folder, name));
    http.get(path, (_request, reply) => reply.headers(PAGE_HEADERS).type(type).send(content));
  }
  http.get("/client", (_request, reply) => reply.redirect("/client/"));
}
