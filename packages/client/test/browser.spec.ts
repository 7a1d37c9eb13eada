import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { createKeySource } from "../src/platform.browser.ts";
import { codeOf } from "./support.ts";

const SOURCES = join(__dirname, "..", "src");

describe("for a browser", () => {
  const files = readdirSync(SOURCES, { recursive: true, encoding: "utf8" });
  for (const file of files.filter((name) => /(?<!\.node)\.ts$/.test(name))) {
    it(`${file} uses nothing that only Node has`, () => {
      const text = readFileSync(join(SOURCES, file), "utf8");
      expect(text).to.not.match(
        /"node:|from "ws"|protocol\/proof|\b(Buffer|process|require)\b[.(]/,
      );
    });
  }

  it("refuses a pre-shared key", () => {
    expect(codeOf(() => createKeySource("k"))).to.equal("SHARDCAST_OPTION_INVALID");
  });
});
