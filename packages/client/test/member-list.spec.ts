import { expect } from "chai";
import type { PresenceMember } from "@shardcast/protocol";
import { MemberList } from "../src/member-list.ts";

function member(user: string, memberId = `${user}-1`, info = ""): PresenceMember {
  return { memberId, user, info };
}

describe("MemberList", () => {
  it("tells of each change once, and whether it is a user's first or last member", () => {
    const list = new MemberList();
    expect(list.apply([member("ann")], [])).to.deep.equal([
      { type: "join", member: member("ann"), isFirst: true },
    ]);
    expect(list.apply([member("ann", "ann-2")], [])).to.deep.equal([
      { type: "join", member: member("ann", "ann-2"), isFirst: false },
    ]);
    expect(list.apply([member("ann")], [member("bob")])).to.deep.equal([]);
    expect(list.apply([member("ann", "ann-1", "new")], [])).to.deep.equal([
      { type: "update", member: member("ann", "ann-1", "new") },
    ]);
    expect([list.count, list.userCount]).to.deep.equal([2, 1]);
    expect(list.apply([], [member("ann"), member("ann", "ann-2")])).to.deep.equal([
      { type: "leave", member: member("ann", "ann-1", "new"), isLast: false },
      { type: "leave", member: member("ann", "ann-2"), isLast: true },
    ]);
    expect([list.count, list.userCount]).to.deep.equal([0, 0]);
  });

  it("takes members that are nobody's for one user each, and counts no user", () => {
    const list = new MemberList();
    const [first, second] = [member("", "a"), member("", "b")];
    expect(list.apply([first, second], [])).to.deep.equal([
      { type: "join", member: first, isFirst: true },
      { type: "join", member: second, isFirst: true },
    ]);
    expect([list.count, list.userCount]).to.deep.equal([2, 0]);
    expect(list.apply([], [first])).to.deep.equal([{ type: "leave", member: first, isLast: true }]);
  });

  it("goes by a whole list, and tells what is another", () => {
    const list = new MemberList();
    list.replace([member("ann"), member("bob")]);
    const changes = list.replace([member("bob", "bob-1", "info"), member("cid")]);
    expect(changes).to.deep.equal([
      { type: "update", member: member("bob", "bob-1", "info") },
      { type: "join", member: member("cid"), isFirst: true },
      { type: "leave", member: member("ann"), isLast: true },
    ]);
    expect(list.all.map(({ user }) => user)).to.deep.equal(["bob", "cid"]);
  });
});
