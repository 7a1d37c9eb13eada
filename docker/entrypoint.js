#!/usr/bin/env node
// The image's `shardcast`, which every container runs: `producer`, `consumer` or `topic` with that command's options; anything else is
// for the `shardcast` command. It becomes the command, so that signals reach it and its exit code is told.

import { hostname } from "node:os";
import process from "node:process";
import { ShardcastError } from "../packages/protocol/dist/index.js";
import { ownId } from "../packages/consumer/dist/index.js";
import { parseConsumers } from "../packages/server/dist/index.js";
import { nodeOption } from "./node-option.js";

const CONSUMER_PORT = 9100;
const COMMANDS = {
  producer: "packages/producer/bin/shardcast-producer.js",
  consumer: "packages/consumer/bin/shardcast-consumer.js",
  topic: "packages/demo/bin/topic.js",
};

const [command = "", ...rest] = process.argv.slice(2);
const bin = Object.hasOwn(COMMANDS, command) ? COMMANDS[command] : undefined;
try {
  const args = bin === undefined ? process.argv.slice(2) : await argumentsOf(command, rest);
  process.argv.splice(2, Infinity, ...args);
  await import(`../${bin ?? "packages/cli/bin/shardcast.js"}`);
} catch (error) {
  if (!(error instanceof ShardcastError)) throw error;
  process.stderr.write(`shardcast-${command}: ${error.message} (${error.code})\n`);
  process.exitCode = 1;
}

/** Replicas of a service have the same options; this gives each an id of its own. */
async function argumentsOf(role, args) {
  const id = nodeOption(args, "id");
  if (role === "producer" && id === undefined) return [...args, "--id", hostname()];
  if (role !== "consumer" || id !== "auto") return args;
  // Without a list, the node itself says that it needs one.
  const consumers = nodeOption(args, "consumers");
  if (consumers === undefined) return args;
  const port = Number(nodeOption(args, "port") ?? CONSUMER_PORT);
  return [...withoutId(args), "--id", await ownId(parseConsumers(consumers), port)];
}

function withoutId(args) {
  const at = args.indexOf("--id");
  const rest = at < 0 ? args : args.toSpliced(at, 2);
  return rest.filter((arg) => !arg.startsWith("--id="));
}
