import { ShardcastError } from "@shardcast/protocol";
import { TestRuntime } from "@shardcast/process/testing";
import { expect } from "chai";
import { identityOf, LinkAccess, Membership, NO_LIMITS } from "@shardcast/server/testing";
import { Attendance } from "../../src/presence/attendance.ts";
import { PresenceOwner } from "../../src/presence/presence-owner.ts";
import { SinkRecorder } from "../support/sink-recorder.ts";

const TOPIC = "room";
const SELF = { id: "c1", url: "ws://c1" };

/** A link of a client with a token; without a user, that of nobody. */
function linkOf(address: string, user: string): SinkRecorder {
  const link = new SinkRecorder();
  link.access = new LinkAccess(identityOf({ user }), address, undefined, {
    limits: NO_LIMITS,
    now: () => 0,
  });
  return link;
}

describe("Attendance", () => {
  let owner: PresenceOwner;
  let attendance: Attendance;
  let count: number;

  beforeEach(() => {
    count = 0;
    const membership = new Membership([SELF], () => true);
    owner = new PresenceOwner({
      runtime: new TestRuntime(),
      ...{ timeoutMs: 1000, maxMembers: 100, owns: () => true, positionOf: () => undefined },
      publish: () => Promise.resolve(),
    });
    attendance = new Attendance({
      ...{ membership, owner, maxMembers: 100, maxEach: 3, watched: () => [] },
      upstreamTo: () => {
        throw new Error("there is no other node");
      },
    });
  });

  afterEach(() => owner.close());

  /** @returns the code of the refusal, or "entered" */
  async function enter(link: SinkRecorder, memberId = `m${(count += 1)}`): Promise<string> {
    const user = link.access?.user ?? "";
    const frame = { type: "enter", seq: 1, topic: TOPIC, memberId, user, info: "" } as const;
    return attendance.enter(link, frame).then(
      () => "entered",
      (error: unknown) => (error instanceof ShardcastError ? error.code : String(error)),
    );
  }

  it("gives a user a share of a topic's places, over whatever links and addresses", async () => {
    const links = ["1.1.1.1", "1.1.1.2", "1.1.1.3", "1.1.1.4"].map((address) =>
      linkOf(address, "ann"),
    );
    const answers: string[] = [];
    for (const link of links) answers.push(await enter(link));
    expect(answers).to.deep.equal(["entered", "entered", "entered", "SHARDCAST_PRESENCE_FULL"]);
    expect(await enter(linkOf("1.1.1.4", "bob"))).to.equal("entered");
    expect(owner.memberCount).to.equal(4);
  });

  it("gives an address a share, whoever comes from it", async () => {
    for (const user of ["ann", "bob", ""]) {
      expect(await enter(linkOf("1.1.1.1", user))).to.equal("entered");
    }
    expect(await enter(linkOf("1.1.1.1", "cid"))).to.equal("SHARDCAST_PRESENCE_FULL");
    expect(await enter(linkOf("1.1.1.2", "cid"))).to.equal("entered");
  });

  it("gives a share back with who leaves, is lost, or comes again from elsewhere", async () => {
    const [one, two] = [linkOf("1.1.1.1", "ann"), linkOf("1.1.1.2", "ann")];
    for (const id of ["a", "b", "c"]) expect(await enter(one, id)).to.equal("entered");
    // The same members are no more than before.
    for (const id of ["a", "b"]) expect(await enter(one, id)).to.equal("entered");
    attendance.leave(one, {
      ...{ type: "leave", topic: TOPIC, memberId: "a" },
      user: "ann",
      lost: false,
    });
    expect(await enter(two, "d")).to.equal("entered");
    attendance.closed(one);
    for (const id of ["e", "f"]) expect(await enter(two, id)).to.equal("entered");
    expect(await enter(two, "g")).to.equal("SHARDCAST_PRESENCE_FULL");
  });

  it("counts nobody who knows the pre-shared key: it speaks for others", async () => {
    const link = new SinkRecorder();
    for (let number = 0; number < 10; number += 1) expect(await enter(link)).to.equal("entered");
  });
});
