import { expect } from "chai";
import { percentile } from "../src/stats/percentile.ts";
import { renderTable } from "../src/report/table.ts";

describe("renderTable", () => {
  it("aligns columns, numbers to the right, with three digits that mean something", () => {
    const rows = [
      { system: "ws", "µs each": 3.14159, count: 12_345 },
      { system: "socket.io", "µs each": 123.7 },
    ];
    expect(renderTable({ question: "q", title: "t", rows })).to.equal(
      [
        "| system    | µs each |  count |",
        "| --------- | ------: | -----: |",
        "| ws        |    3.14 | 12,345 |",
        "| socket.io |     124 |      – |",
      ].join("\n"),
    );
  });
});

describe("percentile", () => {
  it("is the value that a share of all do not exceed", () => {
    const values = Array.from({ length: 100 }, (_, index) => index + 1);
    expect(percentile(values, 0.5)).to.equal(50);
    expect(percentile(values, 0.99)).to.equal(99);
    expect(percentile(values, 1)).to.equal(100);
    expect(percentile([7], 0.999)).to.equal(7);
    expect(percentile([], 0.5)).to.equal(0);
  });
});
