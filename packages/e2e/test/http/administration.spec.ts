// Administrators: the admin key and the permissions `monitor` and `admin`, the log of what they do, and POST /explain.
import { connect } from "@shardcast/client";
import { expect } from "chai";
import { eventually } from "@shardcast/faults";
import type { Grant } from "@shardcast/protocol";
import { ask, jsonOf } from "@shardcast/e2e/http-client";
import { TestCluster, type NodeProcess } from "@shardcast/e2e/nodes";
import { TOKEN_SECRET, tokenOf } from "@shardcast/e2e/tokens";

const ADMIN_KEY = "the key of the administrators";
const JSON_TYPE = { "content-type": "application/json" };

interface Explanation {
  readonly allowed: boolean;
  readonly code?: string;
  readonly user?: string;
  readonly checks: readonly { readonly rule: string; readonly detail: string }[];
  readonly route: readonly string[];
}

describe("administration", () => {
  let cluster: TestCluster;
  let producer: NodeProcess;
  let consumer: NodeProcess;

  before(async function () {
    this.timeout(60_000);
    const args = {
      "token-secret": TOKEN_SECRET,
      "admin-key": ADMIN_KEY,
      anonymous: "subscribe:open/*",
      "user-publishes": 1,
    };
    cluster = await TestCluster.plan(1, { args });
    consumer = await cluster.consumer(1, { args: { log: "memory" } });
    producer = await cluster.producer();
  });
  after(() => cluster.stop());

  function tokenFor(allow: Grant["allow"], ...topics: string[]): Promise<string> {
    return tokenOf({ sub: "ann", caps: [{ topics, allow }] });
  }

  async function post(
    node: NodeProcess,
    path: string,
    body: unknown,
    bearer = ADMIN_KEY,
  ): Promise<readonly [number, Readonly<Record<string, unknown>>]> {
    const headers = { ...JSON_TYPE, authorization: `Bearer ${bearer}` };
    const answer = await ask(node.httpUrl, path, {
      method: "POST",
      headers,
      body: JSON.stringify(body),
    });
    return [answer.status, jsonOf(answer)];
  }

  async function explain(node: NodeProcess, question: object): Promise<Explanation> {
    const [status, explanation] = await post(node, "/explain", question);
    expect(status, JSON.stringify(explanation)).to.equal(200);
    return explanation as unknown as Explanation;
  }

  function detailsOf({ checks }: Explanation, rule: string): string[] {
    return checks.filter((check) => check.rule === rule).map(({ detail }) => detail);
  }

  it("lets a token read with monitor, and change with admin, only if they are on every topic", async () => {
    const statusOf = async (allow: Grant["allow"], topic: string): Promise<number[]> => {
      const bearer = await tokenFor(allow, topic);
      const headers = { authorization: `Bearer ${bearer}` };
      const read = await ask(consumer.httpUrl, "/links", { headers });
      const [changed] = await post(consumer, "/links/disconnect", { user: "nobody" }, bearer);
      return [read.status, changed];
    };
    expect(await statusOf(["monitor"], "*")).to.deep.equal([200, 403]);
    expect(await statusOf(["admin"], "*")).to.deep.equal([200, 200]);
    expect(await statusOf(["monitor", "admin"], "chat/*")).to.deep.equal([403, 403]);
    expect(await statusOf(["publish", "subscribe"], "*")).to.deep.equal([403, 403]);
  });

  it("logs who changed what, and not who only read", async () => {
    const token = await tokenOf({ sub: "root", caps: [{ topics: ["*"], allow: ["admin"] }] });
    await post(consumer, "/links/disconnect", { user: "nobody" }, token);
    await ask(consumer.httpUrl, "/links", { headers: { authorization: `Bearer ${token}` } });
    const lines = (): string[] =>
      consumer.stdout.split("\n").filter((line) => line.includes('"by":"root"'));
    await eventually("the line", () => lines().length > 0);
    expect(lines()).to.have.length(1);
    expect(JSON.parse(lines()[0] ?? "")).to.include({ operation: "disconnect", status: 200 });
  });

  it("explains by which grant a request is allowed, and the way that it takes", async () => {
    const token = await tokenOf({
      sub: "ann",
      caps: [
        { topics: ["news"], allow: ["subscribe"] },
        { topics: ["other", "chat/*"], allow: ["publish"] },
      ],
    });
    const explanation = await explain(producer, { token, action: "publish", topic: "chat/1" });
    expect(explanation).to.include({ allowed: true, user: "ann" });
    expect(detailsOf(explanation, "permission")).to.deep.equal([
      "caps[1] allows publish on chat/*",
    ]);
    expect(explanation.route).to.have.length(2);
    expect(explanation.route[1]).to.equal("c1");
    expect((await explain(consumer, { token, action: "publish", topic: "chat/1" })).route)
      .to.deep //
      .equal(["c1"]);
    const anonymous = await explain(consumer, { token: "", action: "subscribe", topic: "open/1" });
    expect(detailsOf(anonymous, "permission")).to.deep.equal([
      "--anonymous[0] allows subscribe on open/*",
    ]);
  });

  it("explains why a request is refused, as the node refuses it", async () => {
    const cases = [
      {
        token: await tokenFor(["publish"], "a/*", "b"),
        topic: "chat",
        code: "SHARDCAST_FORBIDDEN",
      },
      { token: await tokenFor(["subscribe"], "*"), topic: "chat", code: "SHARDCAST_FORBIDDEN" },
      { token: await tokenFor(["publish"], "*"), topic: "$own", code: "SHARDCAST_TOPIC_RESERVED" },
      { token: "no token", topic: "chat", code: "SHARDCAST_TOKEN_INVALID" },
      { token: "", topic: "chat", code: "SHARDCAST_FORBIDDEN" },
      {
        token: await tokenOf({ caps: [{ topics: ["*"], allow: ["publish"] }], expiresInS: -60 }),
        topic: "chat",
        code: "SHARDCAST_TOKEN_EXPIRED",
      },
    ];
    for (const { token, topic, code } of cases) {
      const explanation = await explain(consumer, { token, action: "publish", topic });
      expect(explanation.allowed, JSON.stringify(explanation)).to.equal(false);
      expect(explanation.code, JSON.stringify(explanation)).to.equal(code);
      const failure = await connect({ url: consumer.url, token, route: "single" })
        .then(async (client) => {
          try {
            return await client.publish(topic, "x");
          } finally {
            client.close();
          }
        })
        .catch((error: unknown) => error);
      expect(failure, topic).to.include({ code });
    }
    const refused = await explain(consumer, { ...cases[0], code: undefined, action: "publish" });
    expect(detailsOf(refused, "permission")).to.deep.equal(["caps allows publish only on a/*, b"]);
  });

  it("explains for a user who has a link, down to a limit that is reached", async () => {
    const question = { user: "busy", action: "publish", topic: "chat" };
    expect(await explain(consumer, question)).to.include({ code: "SHARDCAST_NOT_FOUND" });
    const token = await tokenOf({ sub: "busy", caps: [{ topics: ["*"], allow: ["publish"] }] });
    const client = await connect({ url: consumer.url, token, route: "single" });
    expect(await explain(consumer, question)).to.include({ allowed: true });
    const publishes = ["1", "2", "3"].map((text) => client.publish("chat", text).catch(() => text));
    await eventually("the limit", async () => {
      return (await explain(consumer, question)).code === "SHARDCAST_RATE_LIMITED";
    });
    client.close();
    await Promise.all(publishes);
  });

  it("takes no unclear question", async () => {
    for (const question of [
      {},
      { action: "publish", topic: "a" },
      { action: "publish", topic: "a", token: "", user: "b" },
      { action: "admin", topic: "a", token: "" },
      { action: "publish", token: "" },
      { action: "publish", topic: "a", token: "", more: 1 },
    ]) {
      const [status, problem] = await post(consumer, "/explain", question);
      expect(status, JSON.stringify(question)).to.equal(400);
      expect(problem).to.include({ code: "SHARDCAST_REQUEST_INVALID" });
    }
  });
});
