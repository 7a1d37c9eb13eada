// The back end of the chat: bundles and serves the page, and signs tokens.
//
// Start a cluster with `npm start`. In a second terminal: node examples/react/server.js
import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const secret = readFileSync("data/token-secret", "utf8").trim();
const file = (/** @type {string} */ name) => fileURLToPath(new URL(name, import.meta.url));

const { outputFiles } = await build({
  entryPoints: [file("src/main.tsx")],
  bundle: true,
  format: "esm",
  target: "es2022",
  jsx: "automatic",
  minify: true,
  define: { "process.env.NODE_ENV": '"production"' },
  write: false,
});

const server = createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url ?? "/", "http://localhost");
  const send = (/** @type {string} */ type, /** @type {string} */ text) =>
    response.writeHead(200, { "content-type": `${type}; charset=utf-8` }).end(text);

  if (pathname === "/") send("text/html", readFileSync(file("index.html"), "utf8"));
  else if (pathname === "/style.css") send("text/css", readFileSync(file("style.css"), "utf8"));
  else if (pathname === "/app.js") send("text/javascript", outputFiles[0]?.text ?? "");
  // A real back end takes the user from its session, not from the request.
  else if (pathname === "/token") send("text/plain", tokenOf(searchParams.get("user") ?? "ann"));
  else response.writeHead(404).end();
});
server.listen(Number(process.argv[2] ?? 8080), "127.0.0.1", () => {
  console.log(`http://127.0.0.1:${Object(server.address()).port}/?user=ann`);
});

/** A token (JWT) names the user, and says what the user may do and for how long. */
function tokenOf(/** @type {string} */ user) {
  const caps = [{ topics: ["chat/*"], allow: ["publish", "subscribe", "history", "presence"] }];
  const claims = { sub: user, caps, exp: Math.floor(Date.now() / 1000) + 600 };
  const parts = [{ alg: "HS256" }, claims].map((part) => Buffer.from(JSON.stringify(part)));
  const text = parts.map((part) => part.toString("base64url")).join(".");
  return `${text}.${createHmac("sha256", secret).update(text).digest("base64url")}`;
}
