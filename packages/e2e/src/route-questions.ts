// Every route of the nodes, and the permissions it needs. The routes come from the nodes' own
// descriptions: a route that is missing in this table fails the test.
import { expect } from "chai";
import type { Action } from "@shardcast/protocol";
import type { Caller } from "./callers.ts";
import type { Nodes, Question } from "./frame-questions.ts";

export const API_KEY = "the key of back ends";

/**
 * The permissions on the topic that a caller needs, nothing, or a right that no caller in the table
 * has.
 */
type Need = readonly Action[] | "nothing" | "publish somewhere" | Administration;

/** A permission on every topic, which the holder of the admin key has as well. */
type Administration = "monitor everywhere" | "admin everywhere";

const REFUSALS = ["SHARDCAST_UNAUTHORIZED", "SHARDCAST_FORBIDDEN"];

const NEEDS: Readonly<Record<string, Need>> = {
  "GET /healthz": "nothing",
  "GET /readyz": "nothing",
  "GET /metrics": "nothing",
  "GET /cluster": "nothing",
  "POST /produce/{topic}": ["publish"],
  "POST /produce": "publish somewhere",
  "GET /subscribe/{topic}": ["subscribe"],
  "GET /topics": [],
  "GET /topics/{topic}": ["subscribe"],
  "GET /topics/{topic}/messages": ["subscribe", "history"],
  "GET /topics/{topic}/presence": ["presence"],
  "POST /explain": "monitor everywhere",
  "GET /links": "monitor everywhere",
  "POST /links/disconnect": "admin everywhere",
  "GET /push": "monitor everywhere",
  "GET /push/{name}": "monitor everywhere",
  "PUT /push/{name}": "admin everywhere",
  "DELETE /push/{name}": "admin everywhere",
  "POST /push/{name}/enable": "admin everywhere",
};

/** The routes of a node, such as `GET /topics/{topic}`. */
async function routesOf(url: string): Promise<string[]> {
  const description = (await (await fetch(`${url}/openapi.json`)).json()) as {
    readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  };
  return Object.entries(description.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
}

export async function routeQuestions(
  { producer, consumer }: Nodes,
  topic: string,
): Promise<Question[]> {
  const questions: Question[] = [];
  const seen = new Set<string>();
  for (const node of [producer, consumer]) {
    for (const route of await routesOf(node.httpUrl)) {
      const need = NEEDS[route];
      if (need === undefined) throw new Error(`${route} is not in the table of routes`);
      seen.add(route);
      questions.push({
        name: `${route} of a ${node.role}`,
        expected: (caller) => expectedOf(need, caller),
        ask: async (caller) => {
          const code = await ask(node.httpUrl, route, topic, caller);
          // A request of an administrator that is not refused may still name nothing that exists.
          return isAdministration(need) && !REFUSALS.includes(code) ? "done" : code;
        },
      });
    }
  }
  expect([...seen]).to.have.members(Object.keys(NEEDS));
  return questions;
}

function isAdministration(need: Need): need is Administration {
  return need === "monitor everywhere" || need === "admin everywhere";
}

function expectedOf(need: Need, caller: Caller): string {
  if (need === "nothing") return "done";
  // Each line is authorized separately, and the body of a caller without any publish permission is
  // not read.
  if (need === "publish somewhere") return caller.isPublisher ? "done" : "SHARDCAST_FORBIDDEN";
  if (isAdministration(need)) {
    // The API key is no administrator's.
    if (caller.token === undefined || caller.token === "") return "SHARDCAST_UNAUTHORIZED";
    const allowing = need === "admin everywhere" ? ["admin"] : ["monitor", "admin"];
    const isAllowed = caller.everywhere.some((action) => allowing.includes(action));
    return isAllowed ? "done" : "SHARDCAST_FORBIDDEN";
  }
  const isAllowed = need.every((action) => caller.permissions.includes(action));
  return isAllowed ? "done" : "SHARDCAST_FORBIDDEN";
}

async function ask(url: string, route: string, topic: string, caller: Caller): Promise<string> {
  const [method = "", path = ""] = route.split(" ");
  const target = path.replace("{topic}", encodeURIComponent(topic)).replace("{name}", "mine");
  const bearer = caller.token ?? API_KEY;
  const abort = new AbortController();
  const response = await fetch(url + target, {
    method,
    signal: abort.signal,
    ...(bearer === "" ? {} : { headers: { authorization: `Bearer ${bearer}` } }),
    ...(method === "GET" ? {} : { body: "" }),
  });
  if (response.ok || response.status === 503) {
    // A stream does not end by itself.
    abort.abort();
    return "done";
  }
  return ((await response.json()) as { readonly code: string }).code;
}
