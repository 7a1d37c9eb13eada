// README.md, compared with the options of the commands in both directions.
import { cellsIn, cellsOf } from "@shardcast/options/testing";
import { expect } from "chai";
import { readFileSync } from "node:fs";
import { asyncapiCommand } from "../src/asyncapi.ts";
import { dataCommand } from "../src/data.ts";
import { explainCommand } from "../src/explain.ts";
import { linksCommand } from "../src/links.ts";
import { messagesCommand } from "../src/messages.ts";
import { presenceCommand } from "../src/presence.ts";
import { publishCommand } from "../src/publish.ts";
import { pushCommand } from "../src/push.ts";
import { statusCommand } from "../src/status.ts";
import { subscribeCommand } from "../src/subscribe.ts";
import { tokenCommand } from "../src/token.ts";
import { topicsCommand } from "../src/topics.ts";
import { upCommand } from "../src/up.ts";

const README = readFileSync("packages/cli/README.md", "utf8");
const BIN = new URL("file:///bin/node.js");
/** By the heading of the section that documents it. */
const COMMANDS = {
  up: upCommand({ producer: BIN, consumer: BIN }),
  "publish <topic> [message..]": publishCommand,
  "subscribe <topic..>": subscribeCommand,
  "messages <topic>": messagesCommand,
  "topics [topic..]": topicsCommand,
  "presence <topic>": presenceCommand,
  "status [node..]": statusCommand,
  links: linksCommand,
  push: pushCommand,
  "explain <action> <topic>": explainCommand,
  "token --sub <user>": tokenCommand,
  "asyncapi <file>": asyncapiCommand,
  "data check|backup|repair": dataCommand,
};

describe("the README of the command", () => {
  for (const [command, { rows }] of Object.entries(COMMANDS)) {
    it(`has every option of ${command} in a table, and no other`, () => {
      expect(cellsIn(README, `## \`shardcast ${command}\``)).to.deep.equal(cellsOf(rows));
    });
  }
});
