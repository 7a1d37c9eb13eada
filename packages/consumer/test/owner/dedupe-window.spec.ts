import { expect } from "chai";
import { DedupeWindow } from "../../src/owner/dedupe-window.ts";

function set(window: DedupeWindow, id: string, offset: number, time: number): void {
  const bytes = Buffer.from(id);
  const hash = window.prepare(bytes, 0, bytes.length);
  window.claim(hash, bytes, 0, bytes.length, { offset, time });
}

/** Whether it is known, and as what: a stranger is claimed for a moment. */
function get(window: DedupeWindow, id: string): number | undefined {
  const bytes = Buffer.from(`<${id}>`);
  const hash = window.prepare(bytes, 1, bytes.length - 1);
  const known = window.claim(hash, bytes, 1, bytes.length - 1, { offset: 999, time: 0 });
  if (known === undefined) window.delete(bytes, 1, bytes.length - 1);
  return known;
}

describe("DedupeWindow", () => {
  it("knows an id for the whole window, and forgets it after two", () => {
    const window = new DedupeWindow({ windowMs: 100, maxIds: 1000 });
    set(window, "a", 1, 1000);
    window.expire(1100);
    expect(get(window, "a")).to.equal(1);
    window.expire(1199);
    expect(get(window, "a")).to.equal(1);
    window.expire(1200);
    expect(get(window, "a")).to.equal(undefined);
  });

  it("knows an id that was set at the end of a generation for the whole window", () => {
    const window = new DedupeWindow({ windowMs: 100, maxIds: 1000 });
    set(window, "a", 1, 1000);
    set(window, "b", 2, 1099);
    window.expire(1150);
    expect(get(window, "b")).to.equal(2);
    window.expire(1198);
    expect(get(window, "b")).to.equal(2);
  });

  it("forgets all at once after a long silence", () => {
    const window = new DedupeWindow({ windowMs: 100, maxIds: 1000 });
    set(window, "a", 1, 1000);
    window.expire(5000);
    expect(get(window, "a")).to.equal(undefined);
  });

  it("never holds more than two generations of ids", () => {
    const window = new DedupeWindow({ windowMs: 1_000_000, maxIds: 10 });
    for (let id = 1; id <= 100; id += 1) set(window, `m${id}`, id, 1000);
    for (const id of [100, 95, 91]) expect(get(window, `m${id}`)).to.equal(id);
    expect(get(window, "m80")).to.equal(undefined);
  });

  it("forgets an id that is taken back, and only that", () => {
    const window = new DedupeWindow({ windowMs: 100, maxIds: 1000 });
    set(window, "a", 1, 1000);
    set(window, "b", 2, 1000);
    window.delete(Buffer.from("a"), 0, 1);
    expect(get(window, "a")).to.equal(undefined);
    expect(get(window, "b")).to.equal(2);
    set(window, "a", 3, 1001);
    expect(get(window, "a")).to.equal(3);
  });

  it("knows nothing of what it forgot where it uses its room again", () => {
    const window = new DedupeWindow({ windowMs: 100, maxIds: 1000 });
    for (let round = 0; round < 5; round += 1) {
      for (let id = 1; id <= 100; id += 1) set(window, `${round}-${id}`, id, 1000 + 100 * round);
      expect(get(window, `${round}-7`)).to.equal(7);
      if (round > 0) expect(get(window, `${round - 1}-7`)).to.equal(7);
      if (round > 1) expect(get(window, `${round - 2}-7`)).to.equal(undefined);
    }
    window.expire(1499);
    expect(window.isEmpty).to.equal(false);
    window.expire(1600);
    window.expire(1700);
    expect(window.isEmpty).to.equal(true);
  });
});
