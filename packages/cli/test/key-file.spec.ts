import { chmodSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { ShardcastError } from "@shardcast/protocol";
import { expect } from "chai";
import { ensureKeyFile, readKey } from "../src/key-file.ts";
import { TempFolder } from "./support.ts";

function codeOf(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    if (error instanceof ShardcastError) return error.code;
    throw error;
  }
  throw new Error("nothing was thrown");
}

describe("the key file", () => {
  const folder = new TempFolder();
  after(() => folder.remove());

  it("is made once, of 32 random bytes, for its owner alone, and leaves no draft behind", () => {
    const file = folder.join("new", "psk");

    expect(ensureKeyFile(file)).to.be.true;
    const key = readKey(file);
    expect(Buffer.from(key, "base64url")).to.have.lengthOf(32);
    expect(statSync(file).mode & 0o777).to.equal(0o600);
    expect(readdirSync(folder.join("new"))).to.deep.equal(["psk"]);

    expect(ensureKeyFile(file)).to.be.false;
    expect(readKey(file)).to.equal(key);
  });

  it("has a key that is no option when a user gives it as an argument", () => {
    const keys = Array.from({ length: 300 }, (_, number) => {
      const file = folder.join(`key-${number}`);
      ensureKeyFile(file);
      return readKey(file);
    });
    expect(keys.filter((key) => key.startsWith("-"))).to.deep.equal([]);
  });

  it("is never overwritten", () => {
    const file = folder.join("mine");
    writeFileSync(file, "my own key\nthe previous one\n");

    expect(ensureKeyFile(file)).to.be.false;
    expect(readFileSync(file, "utf8")).to.equal("my own key\nthe previous one\n");
    expect(readKey(file)).to.equal("my own key");
  });

  it("is refused where it is empty or cannot be read", () => {
    const empty = folder.join("empty");
    writeFileSync(empty, " \n\n");
    expect(codeOf(() => ensureKeyFile(empty))).to.equal("SHARDCAST_KEY_MISSING");
    expect(readFileSync(empty, "utf8")).to.equal(" \n\n");

    mkdirSync(folder.join("a-folder"));
    expect(codeOf(() => ensureKeyFile(folder.join("a-folder")))).to.equal("SHARDCAST_KEY_MISSING");
    expect(codeOf(() => ensureKeyFile(folder.join("empty", "psk")))).to.equal(
      "SHARDCAST_KEY_MISSING",
    );
    expect(codeOf(() => readKey(folder.join("none")))).to.equal("SHARDCAST_KEY_MISSING");
  });

  it("is refused where its folder cannot be written", function () {
    // Root may read every file.
    if (process.getuid?.() === 0) this.skip();
    mkdirSync(folder.join("locked"));
    chmodSync(folder.join("locked"), 0o500);

    expect(codeOf(() => ensureKeyFile(folder.join("locked", "psk")))).to.equal(
      "SHARDCAST_KEY_MISSING",
    );
  });
});
