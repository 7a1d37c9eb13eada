import { expect } from "chai";
import { NewSessions } from "../src/new-sessions.ts";

describe("new sessions", () => {
  it("are begun by one address so often, and no more rarely by another", () => {
    const sessions = new NewSessions(3);
    const begun = ["a", "a", "a", "a", "b"].map((address) => sessions.begin(address));
    expect(begun).to.deep.equal([true, true, true, false, true]);
    sessions.sweep();
    expect(sessions.begin("a")).to.be.false;
  });
});
