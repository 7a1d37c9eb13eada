import { Readable } from "node:stream";
import { expect } from "chai";
import { linesOf } from "../src/lines.ts";

async function lines(...chunks: (string | Uint8Array)[]): Promise<string[]> {
  const found: string[] = [];
  for await (const line of linesOf(Readable.from(chunks, { objectMode: false }))) found.push(line);
  return found;
}

describe("linesOf", () => {
  it("gives lines without their ends, wherever the chunks end", async () => {
    expect(await lines("one\ntw", "o\r\n", "\nth", "ree")).to.deep.equal([
      "one",
      "two",
      "",
      "three",
    ]);
    expect(await lines("one\n")).to.deep.equal(["one"]);
    expect(await lines()).to.deep.equal([]);
  });

  it("keeps a character together that two chunks share", async () => {
    const bytes = Buffer.from("wörd\n");

    expect(await lines(bytes.subarray(0, 2), bytes.subarray(2))).to.deep.equal(["wörd"]);
  });

  it("takes U+2028 and a lone return for part of the line", async () => {
    expect(await lines("a\u2028b\rc\n")).to.deep.equal(["a\u2028b\rc"]);
  });
});
