import { expect } from "chai";
import fc from "fast-check";
import { IdTable, hashId } from "../../src/owner/id-table.ts";

function find(table: IdTable, bytes: Buffer, start: number, end: number): number | undefined {
  return table.get(hashId(bytes, start, end), bytes, start, end);
}

describe("IdTable", () => {
  it("does what a map does, whatever the ids and however many", () => {
    const id = fc.string({ unit: "binary", minLength: 1, maxLength: 20 });
    const action = fc.tuple(fc.constantFrom("add", "delete"), id, fc.integer({ min: 1 }));
    fc.assert(
      fc.property(fc.array(action, { maxLength: 200 }), (actions) => {
        const table = new IdTable();
        const map = new Map<string, number>();
        for (const [what, text, offset] of actions) {
          const bytes = Buffer.from(text);
          if (what === "add") {
            const hash = hashId(bytes, 0, bytes.length);
            table.touch(hash);
            const known = table.add(hash, bytes, 0, bytes.length, offset);
            expect(known).to.equal(map.get(bytes.toString("hex")));
            if (known === undefined) map.set(bytes.toString("hex"), offset);
          } else {
            table.delete(hashId(bytes, 0, bytes.length), bytes, 0, bytes.length);
            map.delete(bytes.toString("hex"));
          }
        }
        for (const [, text] of actions) {
          const bytes = Buffer.from(text);
          expect(find(table, bytes, 0, bytes.length)).to.equal(map.get(bytes.toString("hex")));
        }
      }),
    );
  });

  it("grows, and knows all that it was told", () => {
    const table = new IdTable();
    for (let number = 1; number <= 50_000; number += 1) {
      const bytes = Buffer.from(`publisher-${number}`);
      table.add(hashId(bytes, 0, bytes.length), bytes, 0, bytes.length, number);
    }
    expect(table.size).to.equal(50_000);
    for (let number = 1; number <= 50_000; number += 1) {
      const bytes = Buffer.from(`..publisher-${number}.`);
      expect(find(table, bytes, 2, bytes.length - 1)).to.equal(number);
      expect(find(table, bytes, 1, bytes.length)).to.equal(undefined);
    }
  });
});
