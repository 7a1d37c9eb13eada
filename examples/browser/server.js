// The back end of the chat in index.html: serves the page and the SDK's bundle for browsers, and signs tokens.
//
// Start a cluster with `npm start`. In a second terminal: node examples/browser/server.js
import { createHmac } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";

const BUNDLE = new URL("../../packages/client/dist/browser/", import.meta.url);
const MODULE = /^\/client\/([a-z-]+\.min\.js)$/;
const secret = readFileSync("data/token-secret", "utf8").trim();

const server = createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url ?? "/", "http://localhost");
  const send = (/** @type {string} */ type, /** @type {string} */ text) =>
    response.writeHead(200, { "content-type": type }).end(text);
  const [, module = ""] = MODULE.exec(pathname) ?? [];

  if (pathname === "/")
    send("text/html", readFileSync(new URL("index.html", import.meta.url), "utf8"));
  // A real back end takes the user from its session, not from the request.
  else if (pathname === "/token") send("text/plain", tokenOf(searchParams.get("user") ?? "ann"));
  else if (module !== "" && existsSync(new URL(module, BUNDLE))) {
    send("text/javascript", readFileSync(new URL(module, BUNDLE), "utf8"));
  } else response.writeHead(404).end();
});
server.listen(Number(process.argv[2] ?? 8080), "127.0.0.1", () => {
  console.log(`http://127.0.0.1:${Object(server.address()).port}/?user=ann`);
});

/** A token (JWT) names the user, and says what the user may do and for how long. */
function tokenOf(/** @type {string} */ user) {
  const caps = [{ topics: ["chat/*"], allow: ["publish", "subscribe", "history"] }];
  const claims = { sub: user, caps, exp: Math.floor(Date.now() / 1000) + 600 };
  const parts = [{ alg: "HS256" }, claims].map((part) => Buffer.from(JSON.stringify(part)));
  const text = parts.map((part) => part.toString("base64url")).join(".");
  return `${text}.${createHmac("sha256", secret).update(text).digest("base64url")}`;
}
