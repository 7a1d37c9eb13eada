import { expect } from "chai";
import { DedupeWindow } from "../src/dedupe-window.ts";

describe("DedupeWindow", () => {
  it("knows an id for the whole window, and forgets it after two", () => {
    const window = new DedupeWindow({ windowMs: 100, maxIds: 1000 });
    window.set("a", 1, 1000);
    window.expire(1100);
    expect(window.get("a")).to.equal(1);
    window.expire(1199);
    expect(window.get("a")).to.equal(1);
    window.expire(1200);
    expect(window.get("a")).to.equal(undefined);
  });

  it("knows an id that was set at the end of a generation for the whole window", () => {
    const window = new DedupeWindow({ windowMs: 100, maxIds: 1000 });
    window.set("a", 1, 1000);
    window.set("b", 2, 1099);
    window.expire(1150);
    expect(window.get("b")).to.equal(2);
    window.expire(1198);
    expect(window.get("b")).to.equal(2);
  });

  it("forgets all at once after a long silence", () => {
    const window = new DedupeWindow({ windowMs: 100, maxIds: 1000 });
    window.set("a", 1, 1000);
    window.expire(5000);
    expect(window.get("a")).to.equal(undefined);
  });

  it("never holds more than two generations of ids", () => {
    const window = new DedupeWindow({ windowMs: 1_000_000, maxIds: 10 });
    for (let id = 1; id <= 100; id += 1) window.set(`m${id}`, id, 1000);
    const known = Array.from({ length: 100 }, (_, index) => window.get(`m${index + 1}`));
    expect(known.filter((offset) => offset !== undefined).length).to.be.within(10, 20);
    expect(window.get("m100")).to.equal(100);
  });
});
