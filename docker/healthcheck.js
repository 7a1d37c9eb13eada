// HEALTHCHECK of the image: whether the node answers on /healthz. What is no node is always well.

import { readFileSync } from "node:fs";
import { get } from "node:http";
import process from "node:process";
import { nodeOption } from "./node-option.js";

const TIMEOUT_MS = 2500;
const PORTS = { producer: 9000, consumer: 9100 };

// Process 1 is `tini -- shardcast <role> <options>`.
const args = readFileSync("/proc/1/cmdline", "utf8").split("\0");
const at = args.indexOf("shardcast");
const role = args[at + 1] ?? "";
if (at >= 0 && Object.hasOwn(PORTS, role)) check(args.slice(at + 2), PORTS[role]);

function check(options, usualPort) {
  const port = nodeOption(options, "port") ?? usualPort;
  const host = nodeOption(options, "host") ?? "";
  const isAny = ["", "0.0.0.0", "::"].includes(host);
  const request = get({
    host: isAny ? "127.0.0.1" : host,
    port,
    path: "/healthz",
    timeout: TIMEOUT_MS,
  });
  request.on("response", (response) => {
    response.resume();
    if (response.statusCode !== 200) fail(`/healthz answers ${response.statusCode}`);
  });
  request.on("timeout", () => request.destroy(new Error("/healthz does not answer")));
  request.on("error", (error) => fail(error.message));
}

function fail(reason) {
  process.stdout.write(`${reason}\n`);
  process.exitCode = 1;
}
