import { expect } from "chai";
import type { PresenceMember } from "@shardcast/protocol";
import { PresenceTable } from "../../src/presence/presence-table.ts";

const NODE = {};
const OTHER_NODE = {};

function member(user: string, memberId = `${user}-1`, info = ""): PresenceMember {
  return { memberId, user, info };
}

function tableOf(...users: readonly string[]): PresenceTable {
  const table = new PresenceTable();
  for (const user of users) table.enter(NODE, member(user));
  table.takeChange();
  return table;
}

function usersOn(table: PresenceTable): string[] {
  return table.page(0, 1000).members.map(({ user }) => user);
}

describe("PresenceTable", () => {
  it("counts members, and users that somebody names", () => {
    const table = tableOf("ann", "bob");
    table.enter(NODE, member("ann", "ann-2"));
    table.enter(NODE, member("", "nobody-1"));
    table.enter(NODE, member("", "nobody-2"));
    expect(table.page(0, 0)).to.deep.equal({ count: 5, users: 2, members: [], next: 0 });
    table.leave(NODE, member("ann"));
    expect(table.page(0, 0)).to.include({ count: 4, users: 2 });
    table.leave(NODE, member("ann", "ann-2"));
    table.leave(NODE, member("", "nobody-1"));
    expect(table.page(0, 0)).to.include({ count: 2, users: 1 });
  });

  it("tells what has changed since the last time, and nothing that came and went", () => {
    const table = tableOf("ann", "bob", "cid");
    table.enter(NODE, member("ann", "ann-1", "new info"));
    table.leave(NODE, member("bob"));
    table.enter(NODE, member("cid"));
    table.enter(NODE, member("dan"));
    table.enter(NODE, member("eve"));
    table.leave(NODE, member("eve"));
    expect(table.takeChange()).to.deep.equal({
      joined: [member("ann", "ann-1", "new info"), member("dan")],
      left: [member("bob")],
      ...{ count: 3, users: 3 },
    });
    expect(table.isChanged).to.equal(false);
    expect(table.takeChange()).to.include({ count: 3 }).and.have.property("joined").that.is.empty;
  });

  it("has who is lost leave at its time, unless it comes back over whatever node", () => {
    const table = tableOf("ann", "bob", "cid");
    table.loseAll(NODE, 1000);
    table.enter(OTHER_NODE, member("ann"));
    table.expire(999);
    expect(table.count).to.equal(3);
    table.enter(NODE, member("bob"));
    table.expire(1000);
    expect(usersOn(table)).to.deep.equal(["ann", "bob"]);
    expect(table.takeChange().left).to.deep.equal([member("cid")]);
    // The first node has nothing to say of whom the other has brought since.
    table.leave(NODE, member("ann"));
    table.loseAll(NODE, 2000);
    table.expire(2000);
    expect(usersOn(table)).to.deep.equal(["ann"]);
  });

  it("keeps who is there by one node, whatever becomes of an old link at another", () => {
    const table = new PresenceTable();
    for (const node of [NODE, OTHER_NODE]) table.enter(node, member("ann"));
    table.enter(NODE, member("ann"));
    table.lose(NODE, member("ann"), 1000);
    table.expire(1000);
    expect(table.count).to.equal(1);
    expect(table.hasLost).to.equal(false);
    table.lose(OTHER_NODE, member("ann"), 2000);
    table.expire(2000);
    expect(table.count).to.equal(0);
    expect(table.hasLost).to.equal(false);
  });

  it("lets who is lost leave at once, and does not put off when", () => {
    const table = tableOf("ann", "bob");
    table.loseAll(NODE, 1000);
    table.loseAll(NODE, 5000);
    table.leave(NODE, member("bob"));
    expect(usersOn(table)).to.deep.equal(["ann"]);
    table.expire(1000);
    expect(table.count).to.equal(0);
  });

  it("keeps users apart that chose the same member id", () => {
    const table = new PresenceTable();
    table.enter(NODE, member("ann", "same"));
    table.enter(OTHER_NODE, member("bob", "same"));
    table.leave(OTHER_NODE, member("bob", "same"));
    expect(usersOn(table)).to.deep.equal(["ann"]);
  });

  it("gives all members page by page, whoever comes and goes in between", () => {
    const users = Array.from({ length: 25 }, (_, index) => `user ${index}`);
    const table = tableOf(...users);
    const seen: string[] = [];
    let after = 0;
    do {
      const { members, next } = table.page(after, 10);
      expect(members.length).to.be.at.most(10);
      seen.push(...members.map(({ user }) => user));
      after = next;
      table.leave(NODE, member("user 9"));
      table.enter(NODE, member("late"));
    } while (after > 0);
    expect(seen).to.deep.equal([...users, "late"]);
  });

  it("ends a page early where infos are large", () => {
    const table = new PresenceTable();
    for (let number = 0; number < 200; number += 1) {
      table.enter(NODE, member(`user ${number}`, "m", "x".repeat(1024)));
    }
    const { members, next } = table.page(0, 1000);
    expect(members.length).to.be.within(60, 70);
    expect(table.page(next, 1000).members[0]?.user).to.equal(`user ${members.length}`);
  });
});
