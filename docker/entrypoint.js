#!/usr/bin/env node
// The image's `shardcast`, which every container runs: `producer`, `consumer` or `topic` with that
// command's options; anything else is for the `shardcast` command. It becomes the command, so that
// signals reach it and its exit code is told.

import { hostname } from "node:os";
import process from "node:process";
import { nodeOption } from "./node-option.js";

const COMMANDS = {
  producer: "packages/producer/bin/shardcast-producer.js",
  consumer: "packages/consumer/bin/shardcast-consumer.js",
  topic: "packages/demo/bin/topic.js",
};

const [command = "", ...args] = process.argv.slice(2);
const bin = Object.hasOwn(COMMANDS, command) ? COMMANDS[command] : undefined;
if (bin !== undefined) {
  // Replicas of a service have the same options; a container's name is its own.
  const isNameless = command === "producer" && nodeOption(args, "id") === undefined;
  process.argv.splice(2, Infinity, ...args, ...(isNameless ? ["--id", hostname()] : []));
}
await import(`../${bin ?? "packages/cli/bin/shardcast.js"}`);
