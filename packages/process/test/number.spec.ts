import { ShardcastError } from "@shardcast/protocol";
import { expect } from "chai";
import { checkNumbers, numberOf } from "../src/options/number.ts";

/** Texts that are not whole numbers in digits, although Node or yargs may accept them. */
const WRONG = ["", " ", "\t5", "5 ", "0x10", "0b11", "0o7", "1e3", "+7", "1.0", "1_0", "NaN", "5x"];

describe("options that are whole numbers", () => {
  it("are digits, between their limits", () => {
    expect(numberOf("--port", "0", 0, 65_535)).to.equal(0);
    expect(numberOf("--port", "65535", 0, 65_535)).to.equal(65_535);
    for (const text of [...WRONG, "-1", "65536", "9999999999999999"]) {
      expect(() => numberOf("--port", text, 0, 65_535), text)
        .to.throw(ShardcastError, "--port must be a whole number from 0 to 65535")
        .with.property("code", "SHARDCAST_OPTION_INVALID");
    }
  });

  it("are looked at wherever they stand on a command line", () => {
    const check = (...args: string[]): void => checkNumbers(args, (name) => name === "port");
    for (const text of WRONG) {
      expect(() => check(`--port=${text}`), text).to.throw(
        "--port must be a whole number in digits",
      );
      expect(() => check("--host", "x", "--port", text), text).to.throw(
        "--port must be a whole number",
      );
    }
    check("--port", "9000", "--port=9001", "--host", "0x10", "--port", "-1");
    // A missing value is reported elsewhere; everything after -- is text.
    check("--port");
    check("--", "--port", "x");
  });
});
