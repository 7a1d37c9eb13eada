// Access over HTTP with real nodes: the API key, tokens, signatures, no credentials, and pages of
// other origins.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Grant } from "@shardcast/protocol";
import { expect } from "chai";
import { SignJWT } from "jose";
import { Webhook } from "standardwebhooks";
import { eventually } from "@shardcast/faults";
import { EventReader, ask, jsonOf, problemOf, type HttpAnswer } from "@shardcast/e2e/http-client";
import { TestCluster, type NodeProcess } from "@shardcast/e2e/nodes";

const SECRET = "the secret of the tests, which is long enough";
const API_KEY = "key-of-the-tests";
const ADMIN_KEY = "admin-key-of-the-tests";
const ORIGIN = "https://app.example.com";
const [OLD_KEY, NEW_KEY, OTHER_KEY, ROBOT_KEY] = ["o", "n", "x", "r"].map(
  (letter) => `whsec_${Buffer.alloc(24, letter).toString("base64")}`,
) as [string, string, string, string];
const NOW_S = (): number => Math.floor(Date.now() / 1000);

type Action = "publish" | "subscribe" | "history" | "presence";

function tokenOf(caps: readonly Grant[], { expiresInS = 3600, sub = "ann", secret = SECRET } = {}) {
  return new SignJWT({ caps: [...caps] })
    .setProtectedHeader({ alg: "HS256" })
    .setSubject(sub)
    .setExpirationTime(NOW_S() + expiresInS)
    .sign(new TextEncoder().encode(secret));
}

async function mayOf(...allow: Action[]): Promise<Record<string, string>> {
  return { authorization: `Bearer ${await tokenOf([{ topics: ["room/*"], allow }])}` };
}

/** Signs as the reference library does. */
function signed(
  content: string,
  { key = NEW_KEY, id = `msg_${Math.random().toString(36).slice(2)}`, atS = NOW_S() } = {},
): Record<string, string> {
  return {
    "webhook-id": id,
    "webhook-timestamp": `${atS}`,
    "webhook-signature": new Webhook(key).sign(id, new Date(atS * 1000), content),
  };
}

/** Signs a request without a body. */
function signedTarget(
  target: string,
  { key = NEW_KEY, id = `msg_${Math.random().toString(36).slice(2)}` } = {},
): Record<string, string> {
  const atS = NOW_S();
  return {
    "webhook-id": id,
    "webhook-timestamp": `${atS}`,
    "webhook-signature": new Webhook(key).sign(`request ${id}`, new Date(atS * 1000), target),
  };
}

describe("HTTP access", () => {
  let cluster: TestCluster;
  let consumer: NodeProcess;
  let producer: NodeProcess;
  const readers: EventReader[] = [];

  before(async function () {
    this.timeout(60_000);
    cluster = await TestCluster.plan(1);
    const file = join(cluster.dataFolder, "webhook-keys.json");
    const allow = "publish,subscribe,history,presence:room/*";
    writeFileSync(
      file,
      JSON.stringify([
        { name: "shop", keys: [NEW_KEY, OLD_KEY], allow },
        { name: "robot", keys: [ROBOT_KEY], allow: "publish:robots/*" },
      ]),
    );
    const args = {
      "api-key": API_KEY,
      "admin-key": ADMIN_KEY,
      "token-secret": SECRET,
      "token-leeway": 0,
      "webhook-keys": file,
      origins: `${ORIGIN},https://*.example.org`,
    };
    consumer = await cluster.consumer(1, { args: { ...args, log: "memory" } });
    producer = await cluster.producer({ args });
    await eventually("the producer has its uplink", async () => {
      return (await producer.metric("uplinks_open")) === 1;
    });
    expect((await publish("room/1", "hello", bearer(API_KEY))).status).to.equal(200);
  });

  afterEach(() => {
    for (const reader of readers.splice(0)) reader.close();
  });
  after(() => cluster.stop());

  function bearer(key: string): Record<string, string> {
    return { authorization: `Bearer ${key}` };
  }

  function publish(
    topic: string,
    body: string,
    headers: Readonly<Record<string, string>>,
  ): Promise<HttpAnswer> {
    const path = `/produce/${encodeURIComponent(topic)}`;
    return ask(producer.httpUrl, path, { method: "POST", body, headers });
  }

  function get(path: string, headers: Readonly<Record<string, string>> = {}): Promise<HttpAnswer> {
    return ask(consumer.httpUrl, path, { headers });
  }

  /** The result of each route: its status, and the code if it is refused. */
  async function verdicts(headers: Readonly<Record<string, string>>): Promise<string[]> {
    const stream = EventReader.open(consumer.httpUrl, "/subscribe/room%2F1", headers).then(
      (reader) => {
        readers.push(reader);
        return "200";
      },
      (error: unknown) => (error as Error).message,
    );
    const answers = [
      await publish("room/1", "x", headers),
      await get("/topics/room%2F1", headers),
      await get("/topics/room%2F1/messages", headers),
      await get("/topics/room%2F1/presence", headers),
    ];
    return [
      ...answers.map((answer) => (answer.status === 200 ? "200" : problemOf(answer))),
      await stream,
    ];
  }

  const NO = "403 SHARDCAST_FORBIDDEN";
  const FORBIDDEN = "SHARDCAST_FORBIDDEN";

  it("refuses on every route for clients who does not say who it is", async () => {
    const wrong: Record<string, string>[] = [
      {},
      bearer("wrong"),
      bearer(ADMIN_KEY),
      bearer(`${API_KEY}x`),
      { authorization: API_KEY },
      { authorization: `Basic ${Buffer.from(`api:${API_KEY}`).toString("base64")}` },
      { authorization: "Bearer" },
    ];
    for (const headers of wrong) {
      const codes = await verdicts(headers);
      expect(codes, JSON.stringify(headers)).to.deep.equal([
        ...Array<string>(4).fill("401 SHARDCAST_UNAUTHORIZED"),
        "SHARDCAST_UNAUTHORIZED",
      ]);
      const many = await ask(producer.httpUrl, "/produce", { body: "{}", headers });
      expect(problemOf(many)).to.equal("401 SHARDCAST_UNAUTHORIZED");
      expect(many.headers["www-authenticate"]).to.equal("Bearer");
      expect(problemOf(await get("/topics", headers))).to.equal("401 SHARDCAST_UNAUTHORIZED");
    }
  });

  it("lets whoever has the API key do all of it", async () => {
    expect(await verdicts(bearer(API_KEY))).to.deep.equal(Array(5).fill("200"));
    expect(await verdicts({ authorization: `bearer   ${API_KEY}` })).to.deep.equal(
      Array(5).fill("200"),
    );
  });

  it("lets a token do what it names, and nothing else", async () => {
    const cases: [Action[], string[]][] = [
      [[], [NO, NO, NO, NO, FORBIDDEN]],
      [["publish"], ["200", NO, NO, NO, FORBIDDEN]],
      [["subscribe"], [NO, "200", NO, NO, "200"]],
      [["history"], [NO, NO, NO, NO, FORBIDDEN]],
      [["presence"], [NO, NO, NO, "200", FORBIDDEN]],
      [
        ["subscribe", "history"],
        [NO, "200", "200", NO, "200"],
      ],
    ];
    for (const [actions, expected] of cases) {
      expect([actions, await verdicts(await mayOf(...actions))]).to.deep.equal([actions, expected]);
    }
    const mine = await mayOf("publish", "subscribe");
    expect(problemOf(await publish("other", "x", mine))).to.equal(NO);
    expect(problemOf(await get("/subscribe/room%2F1?from=earliest", mine))).to.equal(NO);
    const lines = '{"topic":"room/1"}\n{"topic":"other"}';
    const many = await ask(producer.httpUrl, "/produce", { body: lines, headers: mine });
    expect(
      many.text
        .trim()
        .split("\n")
        .map((line) => (JSON.parse(line) as { code?: string }).code),
    ).to.deep.equal([undefined, "SHARDCAST_FORBIDDEN"]);
  });

  it("lists to a token the topics that it may follow", async () => {
    await publish("robots/1", "x", bearer(API_KEY));
    const topics = async (headers: Record<string, string>): Promise<unknown> =>
      jsonOf(await get("/topics", headers))["topics"];
    expect(await topics(bearer(API_KEY))).to.include.members(["robots/1", "room/1"]);
    expect(await topics(await mayOf("subscribe"))).to.deep.equal(["room/1"]);
    expect(await topics(await mayOf("publish"))).to.deep.equal([]);
  });

  it("refuses tokens that are not good", async () => {
    const caps = [{ topics: ["room/*"], allow: ["publish"] }] as const;
    const late = bearer(await tokenOf(caps, { expiresInS: -1 }));
    const forged = bearer(
      await tokenOf(caps, { secret: "another secret that is long enough, too" }),
    );
    const none = `${Buffer.from('{"alg":"none"}').toString("base64url")}.${Buffer.from(
      '{"sub":"ann","exp":9999999999,"caps":[{"topics":["*"],"allow":["publish"]}]}',
    ).toString("base64url")}.`;
    expect(problemOf(await publish("room/1", "x", late))).to.equal("401 SHARDCAST_TOKEN_EXPIRED");
    expect(problemOf(await publish("room/1", "x", forged))).to.equal("401 SHARDCAST_TOKEN_INVALID");
    expect(problemOf(await publish("room/1", "x", bearer(none)))).to.equal(
      "401 SHARDCAST_TOKEN_INVALID",
    );
    expect(problemOf(await publish("room/1", "x", bearer("..")))).to.match(/^401 /);
  });

  it("ends a stream with its token, and tells why", async () => {
    const caps = [{ topics: ["room/*"], allow: ["subscribe"] }] as const;
    const headers = bearer(await tokenOf(caps, { expiresInS: 2, sub: "short" }));
    const reader = await EventReader.open(consumer.httpUrl, "/subscribe/room%2F1", headers);
    expect(await reader.first("end")).to.deep.equal({ code: "SHARDCAST_TOKEN_EXPIRED" });
    await reader.ended();
    // A client that reconnects without a needed permission is refused, whatever its position.
    const again = { ...(await mayOf("publish")), "last-event-id": reader.lastId };
    expect(problemOf(await get("/subscribe/room%2F1", again))).to.equal(NO);
  });

  it("takes what a back end has signed, with each of its keys, and names the message after it", async () => {
    const headers = signed("new key", { id: "msg_first" });
    const first = await publish("room/1", "new key", headers);
    expect([first.status, jsonOf(first)["duplicate"]]).to.deep.equal([200, false]);
    expect(
      (await publish("room/1", "old key", signed("old key", { key: OLD_KEY }))).status,
    ).to.equal(200);
    // Two signatures, as during a key rotation.
    const both = signed("both", { id: "msg_both", key: OTHER_KEY });
    const more = signed("both", { id: "msg_both" });
    const signatures = [both, more].map((one) => one["webhook-signature"] ?? "");
    both["webhook-signature"] = signatures.join(" ");
    expect((await publish("room/1", "both", both)).status).to.equal(200);
    // The next attempt to send the same message has a new signature, and is stored only once.
    // Unsigned parts do not change that.
    const retry = signed("new key", { id: "msg_first", atS: NOW_S() - 1 });
    const second = await publish("room/1", "new key", { ...retry, "idempotency-key": "another" });
    expect(jsonOf(second)).to.deep.equal({ ...jsonOf(first), duplicate: true });
    const long = signed("long", { id: "i".repeat(256) });
    expect((await publish("room/1", "long", long)).status).to.equal(200);
  });

  it("takes a signed request once", async () => {
    const headers = signed("once", { id: "msg_once" });
    expect((await publish("room/1", "once", headers)).status).to.equal(200);
    expect(problemOf(await publish("room/1", "once", headers))).to.equal(
      "409 SHARDCAST_REQUEST_REPLAYED",
    );
    // A message whose publish failed may be sent again.
    const refused = signed("no", { id: "msg_no" });
    for (let count = 0; count < 2; count += 1) {
      expect(problemOf(await publish("other", "no", refused))).to.equal(NO);
    }
  });

  it("refuses signatures that are wrong, old, of the future, or of something else", async () => {
    const cases: Record<string, [Record<string, string>, string]> = {
      "another key of the tests": [signed("x", { key: OTHER_KEY }), "x"],
      old: [signed("x", { atS: NOW_S() - 301 }), "x"],
      future: [signed("x", { atS: NOW_S() + 310 }), "x"],
      "another body": [signed("x"), "y"],
      "another id": [{ ...signed("x"), "webhook-id": "msg_other" }, "x"],
      "another time": [{ ...signed("x"), "webhook-timestamp": `${NOW_S() - 2}` }, "x"],
      "no id": [{ "webhook-timestamp": "1", "webhook-signature": "v1,AAAA" }, "x"],
      empty: [{ ...signed("x"), "webhook-signature": "" }, "x"],
      nonsense: [{ ...signed("x"), "webhook-signature": "v1" }, "x"],
    };
    for (const [what, [headers, body]] of Object.entries(cases)) {
      const answer = await publish("room/1", body, headers);
      expect([what, problemOf(answer)]).to.deep.equal([what, "401 SHARDCAST_UNAUTHORIZED"]);
    }
  });

  it("takes signed batches and reads, whose content is their method and target", async () => {
    const body = '{"topic":"room/batch","payload":"1"}\n{"topic":"room/batch","payload":"2"}';
    const headers = signed(body, { id: "msg_batch" });
    const batch = await ask(producer.httpUrl, "/produce", { body, headers });
    expect(batch.status).to.equal(200);
    const path = "/topics/room%2Fbatch/messages?limit=10";
    const page = await get(path, signedTarget(`GET ${path}`));
    const { messages } = jsonOf(page) as unknown as { messages: { messageId: string }[] };
    expect(messages.map(({ messageId }) => messageId)).to.deep.equal([
      "msg_batch.0",
      "msg_batch.1",
    ]);
    expect(problemOf(await get(path, signedTarget("GET /topics/room%2Fbatch/messages")))).to.equal(
      "401 SHARDCAST_UNAUTHORIZED",
    );
    expect(problemOf(await get(path, signedTarget("")))).to.equal("401 SHARDCAST_UNAUTHORIZED");
    const stream = await EventReader.open(
      ...[consumer.httpUrl, "/subscribe/room%2Fbatch?from=earliest"],
      signedTarget("GET /subscribe/room%2Fbatch?from=earliest"),
    );
    readers.push(stream);
    await stream.count(2);
  });

  it("takes no signed message for a read, and no signed read for a message", async () => {
    const path = "/topics/room%2Fbatch";
    const message = signed(`GET ${path}`);
    expect(problemOf(await get(path, message))).to.equal("401 SHARDCAST_UNAUTHORIZED");
    const read = signedTarget(`GET ${path}`);
    expect(problemOf(await publish("room/1", `GET ${path}`, read))).to.equal(
      "401 SHARDCAST_UNAUTHORIZED",
    );
    const renamed = { ...read, "webhook-id": `request ${String(read["webhook-id"])}` };
    expect(problemOf(await publish("room/1", `GET ${path}`, renamed))).to.equal(
      "401 SHARDCAST_UNAUTHORIZED",
    );
  });

  it("keeps each back end to what it may", async () => {
    const headers = signed("x", { key: ROBOT_KEY });
    expect((await publish("robots/1", "x", headers)).status).to.equal(200);
    expect(problemOf(await publish("room/1", "x", signed("x", { key: ROBOT_KEY })))).to.equal(NO);
    const path = "/topics/robots%2F1";
    expect(problemOf(await get(path, signedTarget(`GET ${path}`, { key: ROBOT_KEY })))).to.equal(
      NO,
    );
  });

  it("lets a browser ask before it sends, and pages of other origins not", async () => {
    const headers = "authorization,cache-control,idempotency-key,traceparent,x-requested-with";
    const preflight = {
      "access-control-request-method": "POST",
      "access-control-request-headers": headers,
    };
    for (const origin of [ORIGIN, "https://a.example.org"]) {
      const answer = await ask(producer.httpUrl, "/produce/room%2F1", {
        method: "OPTIONS",
        headers: { ...preflight, origin },
      });
      expect([answer.status, answer.headers["access-control-allow-origin"]]).to.deep.equal([
        204,
        origin,
      ]);
      expect(answer.headers["access-control-allow-methods"]).to.include("POST");
      expect(answer.headers["access-control-allow-headers"]).to.equal(headers);
      const sent = await publish("room/1", "x", { ...bearer(API_KEY), origin });
      expect([sent.status, sent.headers["access-control-allow-origin"]]).to.deep.equal([
        200,
        origin,
      ]);
      const stream = await EventReader.open(consumer.httpUrl, "/subscribe/room%2F1", {
        ...bearer(API_KEY),
        origin,
      });
      readers.push(stream);
      expect(stream.response.headers["access-control-allow-origin"]).to.equal(origin);
    }
    for (const origin of ["https://evil.example", "http://app.example.com", "null"]) {
      const asked = await ask(producer.httpUrl, "/produce/room%2F1", {
        method: "OPTIONS",
        headers: { ...preflight, origin },
      });
      expect(problemOf(asked)).to.equal("403 SHARDCAST_ORIGIN_FORBIDDEN");
      expect(asked.headers["access-control-allow-origin"]).to.equal(undefined);
      const refused = await publish("room/1", "x", { ...bearer(API_KEY), origin });
      expect(problemOf(refused)).to.equal("403 SHARDCAST_ORIGIN_FORBIDDEN");
      expect(problemOf(await get("/subscribe/room%2F1", { ...bearer(API_KEY), origin }))).to.equal(
        "403 SHARDCAST_ORIGIN_FORBIDDEN",
      );
    }
    const plain = await ask(producer.httpUrl, "/produce/x", { method: "OPTIONS" });
    expect(plain.status).to.equal(204);
  });

  it("takes no key on a node that has none, and nobody where nobody may", async () => {
    const bare = await TestCluster.plan(1);
    const node = await bare.consumer(1, { args: { log: "memory" } });
    const codes: string[] = [];
    for (const headers of [{}, bearer(API_KEY), bearer("undefined"), signedTarget("GET /topics")]) {
      codes.push(problemOf(await ask(node.httpUrl, "/topics", { headers })));
    }
    expect(codes).to.deep.equal(Array(4).fill("401 SHARDCAST_UNAUTHORIZED"));
    await bare.stop();
  });

  it("lets anyone do what anyone may, and does not take a bad token for nobody", async () => {
    const open = await TestCluster.plan(1, { args: { anonymous: "publish,subscribe:demo/*" } });
    const node = await open.consumer(1, { args: { log: "memory" } });
    const anyone = await open.producer();
    const paths = ["/produce/demo%2F1", "/produce/news"];
    const answers = await Promise.all(
      paths.map((path) => ask(anyone.httpUrl, path, { body: "x" })),
    );
    expect(answers[0]?.status).to.equal(200);
    expect(answers[1] === undefined ? "" : problemOf(answers[1])).to.equal(NO);
    const stream = await EventReader.open(node.httpUrl, "/subscribe/demo%2F1");
    stream.close();
    for (const headers of [
      bearer("wrong"),
      bearer("a.b.c"),
      signedTarget("GET /topics/demo%2F1"),
    ]) {
      expect(problemOf(await ask(node.httpUrl, "/topics/demo%2F1", { headers }))).to.match(/^401 /);
    }
    await open.stop();
  });
});
