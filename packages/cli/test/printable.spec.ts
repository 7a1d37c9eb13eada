import { expect } from "chai";
import { printable, printableJson } from "../src/printable.ts";

describe("printable", () => {
  it("leaves text of any script and emoji as they are", () => {
    const text = "plain wörd 你好 नमस्ते 👩‍👩‍👧 \u{1f1e9}\u{1f1ea}";

    expect(printable(text)).to.equal(text);
  });

  it("shows what a terminal would act on", () => {
    expect(printable("\x1b[2J\x07\x9b1m\r\n\x00")).to.equal(
      String.raw`\u{1b}[2J\u{7}\u{9b}1m\u{d}\u{a}\u{0}`,
    );
    expect(printable("\u202eabc\u2066\u2028")).to.equal(String.raw`\u{202e}abc\u{2066}\u{2028}`);
  });

  it("escapes the same characters in JSON, which keeps its value", () => {
    const value = { text: "\x1b[2J\x9b1m\u202e\u2028\n wörd" };
    const json = printableJson(value);

    expect(json).to.equal(String.raw`{"text":"\u001b[2J\u009b1m\u202e\u2028\n wörd"}`);
    expect(JSON.parse(json)).to.deep.equal(value);
  });
});
