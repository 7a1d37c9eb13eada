import { expect } from "chai";
import { Shares } from "../src/shares.ts";

describe("shares", () => {
  it("give one holder no more than its own, and all no more than there is", () => {
    const shares = new Shares({ inAll: 5, each: 2 });
    expect([shares.take(["a"], 1), shares.take(["a"], 1)]).to.deep.equal([undefined, undefined]);
    expect(shares.take(["a"], 1)).to.equal("each");
    expect([shares.take(["b"], 2), shares.take(["c"], 2)]).to.deep.equal([undefined, "inAll"]);
    shares.give(["a"], 1);
    expect([shares.take(["c"], 2), shares.take(["a"], 1)]).to.deep.equal([undefined, "inAll"]);
  });

  it("count against all holders, and take nothing where one of them has enough", () => {
    const shares = new Shares({ inAll: 9, each: 2 });
    shares.take(["user", "address"], 2);
    expect(shares.take(["other", "address"], 1)).to.equal("each");
    expect(shares.take(["user", "elsewhere"], 1)).to.equal("each");
    expect(shares.take(["other", "elsewhere"], 2)).to.equal(undefined);
    expect(shares.taken).to.equal(4);
  });

  it("have no limit for what has no holder, but that of all", () => {
    const shares = new Shares({ inAll: 9, each: 2 });
    expect([shares.take([], 9), shares.take([], 1)]).to.deep.equal([undefined, "inAll"]);
  });
});
