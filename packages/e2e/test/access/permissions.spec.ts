// All requests to nodes by all kinds of callers: each succeeds with the permissions that it needs,
// and never with fewer.
import { expect } from "chai";
import { CALLER_ARGS, allCallers, type Caller } from "@shardcast/e2e/callers";
import { eventually } from "@shardcast/faults";
import { frameQuestions, type Nodes, type Question } from "@shardcast/e2e/frame-questions";
import { TestCluster } from "@shardcast/e2e/nodes";
import { API_KEY, routeQuestions } from "@shardcast/e2e/route-questions";

const TOPIC = "room/1";
/** Combinations of callers and requests to try concurrently. */
const BATCH = 20;

/** The interfaces over which each permission is tested. */
const WAYS: Readonly<
  Record<string, (nodes: Nodes, topic: string) => Question[] | Promise<Question[]>>
> = {
  "by frames": frameQuestions,
  "over HTTP": routeQuestions,
};

describe("permissions", () => {
  let cluster: TestCluster;
  let nodes: Nodes;
  let callers: readonly Caller[];

  before(async function () {
    this.timeout(60_000);
    const limits = { "max-links-per-user": 0, "link-publishes": 0, "user-publishes": 0 };
    const keys = { "api-key": API_KEY, "admin-key": "the key of administrators" };
    const args = { ...CALLER_ARGS, ...limits, ...keys };
    cluster = await TestCluster.plan(1, { args });
    const consumer = await cluster.consumer(1, { args: { log: "memory" } });
    const producer = await cluster.producer();
    nodes = { consumer, producer };
    callers = await allCallers(TOPIC);
    await eventually("uplinks", async () => (await fetch(`${producer.httpUrl}/readyz`)).ok);
  });

  after(() => cluster.stop());

  for (const [way, questionsOf] of Object.entries(WAYS)) {
    it(`are what it takes, ${way}`, async function () {
      this.timeout(120_000);
      const cases = (await questionsOf(nodes, TOPIC)).flatMap((question) =>
        callers.map((caller) => ({ question, caller })),
      );
      const wrong: string[] = [];
      while (cases.length > 0) {
        const batch = cases.splice(0, BATCH).map(async ({ question, caller }) => {
          const expected = question.expected(caller);
          const said = await question.ask(caller);
          if (said !== expected) {
            wrong.push(`${question.name}, with ${caller.name}: ${said}, not ${expected}`);
          }
        });
        await Promise.all(batch);
      }
      expect(wrong).to.deep.equal([]);
    });
  }
});
