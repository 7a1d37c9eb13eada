#!/usr/bin/env node
import { main } from "../dist/main.js";
// Only here, where import.meta is allowed, can it be told where the nodes' commands are.
const bin = (name) =>
  new URL(`../bin/shardcast-${name}.js`, import.meta.resolve(`@shardcast/${name}`));
await main({ producer: bin("producer"), consumer: bin("consumer") });
