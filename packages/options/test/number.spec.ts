import { ShardcastError } from "@shardcast/protocol";
import { expect } from "chai";
import { numberOf } from "../src/number.ts";

/** Not whole numbers in digits, though Node or yargs may take them for some. */
const WRONG = ["", " ", "\t5", "5 ", "0x10", "0b11", "0o7", "1e3", "+7", "1.0", "1_0", "NaN", "5x"];

describe("numberOf", () => {
  it("takes digits, between two limits", () => {
    expect(numberOf("--port", "0", 0, 65_535)).to.equal(0);
    expect(numberOf("--port", "65535", 0, 65_535)).to.equal(65_535);
    for (const text of [...WRONG, "-1", "65536", "9999999999999999", true, null, ["1"]]) {
      expect(() => numberOf("--port", text, 0, 65_535), String(text))
        .to.throw(ShardcastError, "--port must be a whole number from 0 to 65535")
        .with.property("code", "SHARDCAST_OPTION_INVALID");
    }
  });
});
