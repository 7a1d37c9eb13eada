import { expect } from "chai";
import { NewSessions } from "../src/new-sessions.ts";
import { Shares } from "../src/shares.ts";

describe("shares", () => {
  it("give one holder no more than its own, and all no more than there is", () => {
    const shares = new Shares({ inAll: 5, each: 2 });
    expect([shares.take("a", 1), shares.take("a", 1)]).to.deep.equal([undefined, undefined]);
    expect(shares.take("a", 1)).to.equal("each");
    expect([shares.take("b", 2), shares.take("c", 2)]).to.deep.equal([undefined, "inAll"]);
    shares.give("a", 1);
    expect([shares.take("c", 2), shares.take("a", 1)]).to.deep.equal([undefined, "inAll"]);
  });
});

describe("new sessions", () => {
  it("are begun by one address so often, and no more rarely by another", () => {
    const sessions = new NewSessions(3);
    const begun = ["a", "a", "a", "a", "b"].map((address) => sessions.begin(address));
    expect(begun).to.deep.equal([true, true, true, false, true]);
    sessions.sweep();
    expect(sessions.begin("a")).to.be.false;
  });
});
