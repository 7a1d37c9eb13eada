import { expect } from "chai";
import fc from "fast-check";
import { ClientSessions } from "../src/client-session.ts";
import { createUserId, isUserId } from "../src/user.ts";

describe("a session of the client's own", () => {
  const sessions = new ClientSessions("a secret of some length");
  const session = createUserId();

  it("stands for one user, whose id is another text", () => {
    const userId = sessions.userOf(session);
    expect(isUserId(userId)).to.be.true;
    expect(userId).to.not.equal(session);
    expect(sessions.userOf(session.toUpperCase())).to.equal(userId);
    expect(new ClientSessions("a secret of some length").userOf(session)).to.equal(userId);
    expect(new ClientSessions("another secret, as long").userOf(session)).to.not.equal(userId);
  });

  it("is not the id of a user: who knows that one has nothing", () => {
    expect(sessions.userOf(sessions.userOf(session) ?? "")).to.equal(undefined);
  });

  it("is a random UUID, and nothing that could be guessed", () => {
    const guesses = [
      "",
      "bob",
      "1",
      "00000000-0000-0000-0000-000000000000",
      `${session} `,
      `{${session}}`,
    ];
    for (const guess of guesses) expect(sessions.userOf(guess)).to.equal(undefined);
    fc.assert(fc.property(fc.string(), (text) => sessions.userOf(text) === undefined));
    fc.assert(
      fc.property(fc.uuid({ version: 4 }), (uuid) => {
        expect(isUserId(sessions.userOf(uuid))).to.be.true;
      }),
    );
  });
});
