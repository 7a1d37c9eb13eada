#!/usr/bin/env node
import { readFileSync } from "node:fs";
import { main } from "../dist/main.js";
// Only here, where import.meta is allowed, can the nodes' commands and the version be found.
const bin = (name) =>
  new URL(`../bin/shardcast-${name}.js`, import.meta.resolve(`@shardcast/${name}`));
const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
await main({ producer: bin("producer"), consumer: bin("consumer") }, version);
