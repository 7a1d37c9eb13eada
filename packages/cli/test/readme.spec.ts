// Compares README.md with the help of the command.
import { expect } from "chai";
import { readFileSync } from "node:fs";
import { Command } from "./support.ts";

const README = readFileSync("packages/cli/README.md", "utf8");
/** The commands by the heading of their section. */
const COMMANDS: readonly (readonly [string, readonly string[]])[] = [
  ["shardcast up", ["up"]],
  // The options for connecting are described once, for both commands.
  ["shardcast publish", ["publish"]],
  ["shardcast subscribe", ["subscribe"]],
  ["shardcast token", ["token"]],
  ["shardcast data", ["data", "check"]],
  ["shardcast data", ["data", "backup"]],
  ["shardcast data", ["data", "repair"]],
];

describe("the README of the command", () => {
  for (const [heading, args] of COMMANDS) {
    it(`names every option and every choice of ${args.join(" ")}`, async () => {
      const { stdout } = await new Command([...args, "--help"]).end();
      const names = [...stdout.matchAll(/^ +(--[a-z][a-z-]*) /gm)].map(([, name = ""]) => name);
      const choices = [...stdout.matchAll(/choices: ([^\]]*)\]/g)].flatMap(([, list = ""]) =>
        [...list.matchAll(/"(\w+)"/g)].map(([, choice = ""]) => choice),
      );
      expect(names).to.include("--help");
      const text = sectionsOf(heading);
      const missing = [...names, ...choices].filter(
        (name) => !new RegExp(`[\` ]${name}\\b`).test(text),
      );
      expect(missing).to.deep.equal(["--help"]);
    });
  }
});

/** Returns the section of a heading; for publish and subscribe also the shared section. */
function sectionsOf(heading: string): string {
  const sections = README.split(/^## /m).filter((section) => section.startsWith(`\`${heading}`));
  expect(sections, heading).not.to.have.length(0);
  const shared = README.split(/^## /m).filter((section) => section.includes("Both reach the"));
  return [...sections, ...(/publish/.test(heading) ? shared : [])].join("\n");
}
