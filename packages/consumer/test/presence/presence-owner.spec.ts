import { TestRuntime, settled } from "@shardcast/process/testing";
import { PRESENCE_INCOMPLETE, ShardcastError, type PresenceMember } from "@shardcast/protocol";
import { expect } from "chai";
import fc from "fast-check";
import { PresenceOwner, type PresenceAnswer } from "../../src/presence/presence-owner.ts";

const TOPIC = "room";
const TIMEOUT_MS = 10_000;
const TELL_MS = 100;
const GATHER_MS = 2000;
const POSITION = { epoch: "0123456789abcdef", offset: 7 };
const NODE = { name: "another consumer" };
const OTHER_NODE = { name: "a third one" };

/** What watchers of a topic receive. */
interface Message {
  readonly joined?: readonly PresenceMember[];
  readonly left?: readonly PresenceMember[];
  readonly reset?: boolean;
  readonly count: number;
  readonly users: number;
}

interface Publish {
  readonly message: Message;
  readonly stored: () => Promise<void>;
  readonly refused: () => Promise<void>;
}

function member(memberId: string, info = ""): PresenceMember {
  return { memberId, user: memberId, info };
}

/** An owner whose publishes a test answers, and whose ring a test changes. */
class Bench {
  readonly runtime = new TestRuntime();
  readonly publishes: Publish[] = [];
  readonly owner: PresenceOwner;
  owns = true;

  constructor({ timeoutMs = TIMEOUT_MS, maxMembers = 100 } = {}) {
    this.owner = new PresenceOwner({
      runtime: this.runtime,
      timeoutMs,
      maxMembers,
      owns: () => this.owns,
      positionOf: () => POSITION,
      publish: (topic, text) => {
        expect(topic).to.equal(`$presence/${TOPIC}`);
        return new Promise<void>((resolve, reject) => {
          this.publishes.push({
            message: JSON.parse(text) as Message,
            stored: async () => {
              resolve();
              await settled();
            },
            refused: async () => {
              reject(new ShardcastError("SHARDCAST_LOG_UNAVAILABLE"));
              await settled();
            },
          });
        });
      },
    });
  }

  /** An owner that has owned the topic for long. */
  static async settled(options = {}): Promise<Bench> {
    const bench = new Bench(options);
    await bench.pass(TIMEOUT_MS);
    return bench;
  }

  async pass(ms: number): Promise<void> {
    await this.runtime.pass(ms);
  }

  /** Lets the owner tell its watchers, and stores what it says. */
  async told(): Promise<Message[]> {
    await this.pass(TELL_MS);
    const publishes = this.publishes.splice(0);
    for (const { stored } of publishes) await stored();
    return publishes.map(({ message }) => message);
  }

  async members(limit = 100): Promise<string[]> {
    const { members } = await this.owner.page(TOPIC, 0, limit);
    return members.map(({ memberId }) => memberId);
  }

  regroup(owns: boolean): void {
    this.owns = owns;
    this.owner.regroup();
  }
}

/** @returns the code that a call is refused with */
async function codeOf(call: () => unknown): Promise<string> {
  try {
    await call();
  } catch (error) {
    if (error instanceof ShardcastError) return error.code;
    throw error;
  }
  throw new Error("it was not refused");
}

const idsOf = (members: readonly PresenceMember[] = []): string[] =>
  members.map(({ memberId }) => memberId);

describe("PresenceOwner", () => {
  describe("once the list has settled", () => {
    it("gathers changes for 100 ms, and leaves out what came and went", async () => {
      const bench = await Bench.settled();
      bench.owner.enter(NODE, TOPIC, member("ann"));
      bench.owner.enter(NODE, TOPIC, member("bob"));
      await bench.pass(TELL_MS - 1);
      bench.owner.leave(NODE, TOPIC, member("bob"), false);
      expect(bench.publishes).to.deep.equal([]);
      await bench.pass(1);
      expect(bench.publishes.map(({ message }) => message)).to.deep.equal([
        { joined: [member("ann")], left: [], count: 1, users: 1 },
      ]);
    });

    it("keeps a member whose link is lost until its timeout, and not a round longer", async () => {
      const bench = await Bench.settled();
      bench.owner.enter(NODE, TOPIC, member("ann"));
      await bench.told();
      bench.owner.leave(NODE, TOPIC, member("ann"), true);
      await bench.pass(TIMEOUT_MS - 1);
      expect(await bench.members()).to.deep.equal(["ann"]);
      expect(bench.publishes).to.deep.equal([]);
      const [message] = await bench.told();
      expect(idsOf(message?.left)).to.deep.equal(["ann"]);
      expect(bench.owner).to.include({ topicCount: 1, memberCount: 0 });
      await bench.pass(TELL_MS);
      expect(bench.owner.topicCount).to.equal(0);
      expect(bench.runtime.timerCount).to.equal(0);
    });

    it("keeps a member that comes back in its last millisecond, over whichever node", async () => {
      for (const reporter of [NODE, OTHER_NODE]) {
        const bench = await Bench.settled();
        bench.owner.enter(NODE, TOPIC, member("ann"));
        await bench.told();
        bench.owner.leave(NODE, TOPIC, member("ann"), true);
        await bench.pass(TIMEOUT_MS - 1);
        bench.owner.enter(reporter, TOPIC, member("ann"));
        await bench.pass(2 * TIMEOUT_MS);
        expect(bench.publishes).to.deep.equal([]);
        expect(bench.runtime.timerCount).to.equal(0);
        expect(await bench.members()).to.deep.equal(["ann"]);
      }
    });

    it("loses all members of a consumer whose link is lost, and none that another one has", async () => {
      const bench = await Bench.settled();
      for (const id of ["ann", "bob"]) bench.owner.enter(NODE, TOPIC, member(id));
      for (const id of ["bob", "cid"]) bench.owner.enter(OTHER_NODE, TOPIC, member(id));
      await bench.told();
      bench.owner.lost(NODE);
      // A late frame of the lost link puts nothing off.
      bench.owner.lost(NODE);
      bench.owner.leave(NODE, TOPIC, member("ann"), true);
      await bench.pass(TIMEOUT_MS);
      expect(bench.publishes.map(({ message }) => idsOf(message.left))).to.deep.equal([["ann"]]);
      expect(await bench.members()).to.deep.equal(["bob", "cid"]);
    });

    it("ignores who leaves a topic or a list that does not have it", async () => {
      const bench = await Bench.settled();
      bench.owner.leave(NODE, TOPIC, member("ann"), false);
      bench.owner.leave(NODE, TOPIC, member("ann"), true);
      expect(bench.owner.topicCount).to.equal(0);
      bench.owner.enter(NODE, TOPIC, member("ann"));
      bench.owner.leave(OTHER_NODE, TOPIC, member("ann"), false);
      expect(await bench.members()).to.deep.equal(["ann"]);
    });

    it("refuses members beyond its limit, and none that it has", async () => {
      const bench = await Bench.settled({ maxMembers: 2 });
      for (const id of ["ann", "bob"]) bench.owner.enter(NODE, TOPIC, member(id));
      const enter = (id: string): Promise<string> =>
        codeOf(() => bench.owner.enter(NODE, TOPIC, member(id)));
      expect(await enter("cid")).to.equal("SHARDCAST_PRESENCE_FULL");
      bench.owner.enter(OTHER_NODE, TOPIC, member("bob", "new info"));
      bench.owner.leave(NODE, TOPIC, member("ann"), false);
      bench.owner.enter(NODE, TOPIC, member("cid"));
      expect(bench.owner.memberCount).to.equal(2);
    });

    it("publishes a change before it answers with a page that has it", async () => {
      const bench = await Bench.settled();
      bench.owner.enter(NODE, TOPIC, member("ann"));
      const page = await bench.owner.page(TOPIC, 0, 10);
      expect(page).to.deep.include({ position: POSITION, count: 1 });
      expect(bench.publishes.map(({ message }) => idsOf(message.joined))).to.deep.equal([["ann"]]);
    });

    it("makes no list of a topic that is only asked for", async () => {
      const bench = await Bench.settled();
      expect(await bench.members()).to.deep.equal([]);
      expect(bench.owner.topicCount).to.equal(0);
      expect(bench.runtime.timerCount).to.equal(0);
    });

    it("has the watchers ask again after a change could not be stored", async () => {
      const bench = await Bench.settled();
      bench.owner.enter(NODE, TOPIC, member("ann"));
      await bench.pass(TELL_MS);
      await bench.publishes.shift()?.refused();
      // The refusal may come before the next round or after it.
      const messages = [...(await bench.told()), ...(await bench.told())];
      expect(messages).to.deep.equal([{ reset: true, count: 1, users: 1 }]);
      expect(await bench.told()).to.deep.equal([]);
    });

    it("has them ask again though the last member has left meanwhile", async () => {
      const bench = await Bench.settled();
      bench.owner.enter(NODE, TOPIC, member("ann"));
      await bench.told();
      bench.owner.leave(NODE, TOPIC, member("ann"), false);
      await bench.pass(TELL_MS);
      // The topic is kept for as long as the answer is outstanding.
      await bench.pass(10 * TELL_MS);
      expect(bench.owner.topicCount).to.equal(1);
      await bench.publishes.shift()?.refused();
      expect(await bench.told()).to.deep.equal([{ reset: true, count: 0, users: 0 }]);
      await bench.pass(TELL_MS);
      expect(bench.owner.topicCount).to.equal(0);
      expect(bench.runtime.timerCount).to.equal(0);
    });
  });

  describe("while the list settles, after a start or a change of the ring", () => {
    const answer = async (page: Promise<PresenceAnswer>): Promise<PresenceAnswer | "waiting"> => {
      await settled();
      return Promise.race([page, Promise.resolve("waiting" as const)]);
    };

    it("lets a question wait 2 s for the first reports, and answers it as incomplete", async () => {
      const bench = new Bench();
      const page = bench.owner.page(TOPIC, 0, 10);
      await bench.pass(GATHER_MS - 1);
      bench.owner.enter(NODE, TOPIC, member("ann"));
      expect(await answer(page)).to.equal("waiting");
      await bench.pass(1);
      const { members, position } = (await answer(page)) as PresenceAnswer;
      expect(idsOf(members)).to.deep.equal(["ann"]);
      expect(position).to.deep.equal(PRESENCE_INCOMPLETE);
      // Later questions do not wait.
      expect(await answer(bench.owner.page(TOPIC, 0, 10))).to.include({ count: 1 });
    });

    it("refuses a question that waits when the node stops, and leaves no timer", async () => {
      const bench = new Bench();
      const page = bench.owner.page(TOPIC, 0, 10).catch((error: unknown) => error);
      await bench.pass(1);
      bench.owner.close();
      expect(await page).to.include({ code: "SHARDCAST_NODE_DRAINING" });
      expect(bench.runtime.timerCount).to.equal(0);
    });

    it("reports changes at once, and has the watchers ask again when it is over, once", async () => {
      const bench = new Bench();
      bench.owner.enter(NODE, TOPIC, member("ann"));
      expect(idsOf((await bench.told())[0]?.joined)).to.deep.equal(["ann"]);
      await bench.pass(TIMEOUT_MS - TELL_MS - 1);
      expect(bench.publishes).to.deep.equal([]);
      expect((await bench.owner.page(TOPIC, 0, 1)).position).to.deep.equal(PRESENCE_INCOMPLETE);
      await bench.pass(1);
      expect((await bench.owner.page(TOPIC, 0, 1)).position).to.deep.equal(POSITION);
      expect(await bench.told()).to.deep.equal([{ reset: true, count: 1, users: 1 }]);
      await bench.pass(TIMEOUT_MS);
      expect(bench.publishes).to.deep.equal([]);
      expect(bench.runtime.timerCount).to.equal(0);
    });

    it("settles with no members too, and then forgets the topic", async () => {
      const bench = new Bench();
      const page = bench.owner.page(TOPIC, 0, 0);
      await bench.pass(GATHER_MS);
      expect((await page).count).to.equal(0);
      await bench.pass(TIMEOUT_MS - GATHER_MS);
      expect(await bench.told()).to.deep.equal([{ reset: true, count: 0, users: 0 }]);
      await bench.pass(TELL_MS);
      expect(bench.owner.topicCount).to.equal(0);
      expect(bench.runtime.timerCount).to.equal(0);
    });

    it("refuses a question whose topic gets another owner while it waits", async () => {
      const bench = new Bench();
      const code = codeOf(() => bench.owner.page(TOPIC, 0, 10));
      await bench.pass(GATHER_MS - 1);
      bench.regroup(false);
      await bench.pass(1);
      expect(await code).to.equal("SHARDCAST_NOT_OWNER");
    });

    it("settles longer where another change of the ring comes before the end", async () => {
      const bench = new Bench();
      bench.owner.enter(NODE, TOPIC, member("ann"));
      await bench.told();
      bench.regroup(false);
      await bench.pass(TIMEOUT_MS / 2);
      bench.regroup(true);
      await bench.pass(TIMEOUT_MS - 1);
      expect(bench.publishes).to.deep.equal([]);
      expect((await bench.owner.page(TOPIC, 0, 1)).position).to.deep.equal(PRESENCE_INCOMPLETE);
      await bench.pass(1);
      expect((await bench.owner.page(TOPIC, 0, 1)).position).to.deep.equal(POSITION);
    });

    it("goes on settling where the ring changes and the topic stays", async () => {
      const bench = new Bench();
      bench.owner.enter(NODE, TOPIC, member("ann"));
      await bench.pass(TIMEOUT_MS - 1);
      bench.regroup(true);
      await bench.pass(1);
      expect((await bench.owner.page(TOPIC, 0, 1)).position).to.deep.equal(POSITION);
    });
  });

  describe("while another node owns the topic", () => {
    it("refuses new members and questions, and reports nothing to the watchers", async () => {
      const bench = await Bench.settled();
      for (const id of ["ann", "bob"]) bench.owner.enter(NODE, TOPIC, member(id));
      await bench.told();
      bench.regroup(false);
      expect(await codeOf(() => bench.owner.enter(NODE, TOPIC, member("cid")))).to.equal(
        "SHARDCAST_NOT_OWNER",
      );
      expect(await codeOf(() => bench.owner.page(TOPIC, 0, 10))).to.equal("SHARDCAST_NOT_OWNER");
      bench.owner.leave(NODE, TOPIC, member("ann"), false);
      await bench.pass(TIMEOUT_MS);
      expect(bench.publishes).to.deep.equal([]);
      expect(bench.owner.memberCount).to.equal(1);
    });

    it("keeps the list until all have taken their members back", async () => {
      const bench = await Bench.settled();
      bench.owner.enter(NODE, TOPIC, member("ann"));
      bench.owner.enter(OTHER_NODE, TOPIC, member("bob"));
      await bench.told();
      bench.regroup(false);
      bench.owner.leave(NODE, TOPIC, member("ann"), true);
      await bench.pass(TIMEOUT_MS);
      expect(bench.owner).to.include({ topicCount: 1, memberCount: 1 });
      bench.owner.lost(OTHER_NODE);
      await bench.pass(TIMEOUT_MS + TELL_MS);
      expect(bench.owner).to.include({ topicCount: 0, memberCount: 0 });
      expect(bench.publishes).to.deep.equal([]);
      expect(bench.runtime.timerCount).to.equal(0);
    });

    it("settles again when the topic comes back, with the members that it kept", async () => {
      const bench = await Bench.settled();
      bench.owner.enter(NODE, TOPIC, member("ann"));
      await bench.told();
      bench.regroup(false);
      bench.regroup(true);
      const page = bench.owner.page(TOPIC, 0, 10);
      await bench.pass(GATHER_MS);
      expect(await page).to.deep.include({ position: PRESENCE_INCOMPLETE, count: 1 });
      await bench.pass(TIMEOUT_MS - GATHER_MS);
      expect(await bench.told()).to.deep.equal([{ reset: true, count: 1, users: 1 }]);
    });
  });

  describe("when another node has watchers that it could not reach", () => {
    it("settles once for them, and not for those that come later", async () => {
      const bench = await Bench.settled();
      bench.owner.enter(NODE, TOPIC, member("ann"));
      await bench.told();
      bench.owner.watchedElsewhere(TOPIC);
      await bench.pass(TIMEOUT_MS - 1);
      bench.owner.watchedElsewhere(TOPIC);
      expect((await bench.owner.page(TOPIC, 0, 1)).position).to.deep.equal(PRESENCE_INCOMPLETE);
      await bench.pass(1);
      expect(await bench.told()).to.deep.equal([{ reset: true, count: 1, users: 1 }]);
      bench.owner.watchedElsewhere(TOPIC);
      expect((await bench.owner.page(TOPIC, 0, 1)).position).to.deep.equal(POSITION);
    });
  });

  it("keeps no timer when it is closed", () => {
    const bench = new Bench();
    bench.owner.enter(NODE, TOPIC, member("ann"));
    bench.owner.close();
    expect(bench.runtime.timerCount).to.equal(0);
  });

  it("leads every watcher to the list that it has, whatever happens", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(stepArbitrary, { minLength: 5, maxLength: 50 }), async (steps) => {
        const bench = new Bench();
        const watcher = new Watcher(bench);
        for (const step of steps) await watcher.take(step);
        await watcher.finish();
      }),
      { numRuns: 150 },
    );
  });
});

type Step =
  | { readonly type: "enter" | "leave" | "lose"; readonly id: string; readonly node: object }
  | { readonly type: "lost"; readonly node: object }
  | { readonly type: "pass"; readonly ms: number }
  | { readonly type: "stored" | "refused" | "regroup" | "return" | "watched" };

const nodeArbitrary = fc.constantFrom(NODE, OTHER_NODE);
const stepArbitrary: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constantFrom("enter" as const, "enter" as const, "leave" as const, "lose" as const),
      id: fc.constantFrom("ann", "bob", "cid"),
      node: nodeArbitrary,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant("lost" as const), node: nodeArbitrary }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant("pass" as const),
      ms: fc.constantFrom(1, TELL_MS, GATHER_MS, TIMEOUT_MS),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constantFrom(
        "stored" as const,
        "stored" as const,
        "refused" as const,
        "regroup" as const,
        "return" as const,
        "watched" as const,
      ),
    }),
  },
);

/** A client that follows the topic's changes, as the SDK does; all that it is sent while the node owns the topic. */
class Watcher {
  readonly #bench: Bench;
  /** Known members; undefined while it has to ask. */
  #known: Set<string> | undefined;

  constructor(bench: Bench) {
    this.#bench = bench;
  }

  async take(step: Step): Promise<void> {
    const { owner } = this.#bench;
    const isOwner = this.#bench.owns;
    switch (step.type) {
      case "enter":
        if (isOwner) owner.enter(step.node, TOPIC, member(step.id));
        break;
      case "leave":
      case "lose":
        owner.leave(step.node, TOPIC, member(step.id), step.type === "lose");
        break;
      case "lost":
        owner.lost(step.node);
        break;
      case "pass":
        await this.#bench.pass(step.ms);
        break;
      case "stored":
      case "refused":
        await this.#answer(step.type);
        break;
      case "regroup":
      case "return":
        this.#bench.regroup(step.type === "return");
        break;
      case "watched":
        if (isOwner) owner.watchedElsewhere(TOPIC);
    }
  }

  async finish(): Promise<void> {
    const { owner, runtime, publishes } = this.#bench;
    this.#bench.regroup(true);
    for (let count = 0; count < 5; count += 1) {
      await this.#bench.pass(TIMEOUT_MS);
      while (publishes.length > 0) await this.#answer("stored");
    }
    // It has asked at least once when it began, or was told to.
    if (this.#known !== undefined) {
      expect([...this.#known].sort()).to.deep.equal((await this.#bench.members()).sort());
    }
    for (const node of [NODE, OTHER_NODE]) owner.lost(node);
    for (let count = 0; count < 2; count += 1) {
      await this.#bench.pass(TIMEOUT_MS + TELL_MS);
      while (publishes.length > 0) await this.#answer("stored");
    }
    await this.#bench.pass(TELL_MS);
    expect(owner).to.include({ topicCount: 0, memberCount: 0 });
    expect(runtime.timerCount).to.equal(0);
  }

  async #answer(type: "stored" | "refused"): Promise<void> {
    const publish = this.#bench.publishes.shift();
    await publish?.[type]();
    if (publish === undefined || type === "refused") return;
    const { joined = [], left = [], reset = false } = publish.message;
    if (reset) {
      const { members } = await this.#page();
      this.#known = new Set(idsOf(members));
      return;
    }
    for (const id of idsOf(joined)) this.#known?.add(id);
    for (const id of idsOf(left)) this.#known?.delete(id);
  }

  async #page(): Promise<PresenceAnswer> {
    const page = this.#bench.owns
      ? this.#bench.owner.page(TOPIC, 0, 100)
      : Promise.reject(new ShardcastError("SHARDCAST_NOT_OWNER"));
    const nobody = { members: [], count: 0, users: 0, next: 0, position: POSITION };
    const answer = page.catch(() => nobody);
    await this.#bench.pass(GATHER_MS);
    return answer;
  }
}
