// Requests of the back end, and forged ones.
import { createHash, createHmac, randomUUID } from "node:crypto";
import { expect } from "chai";
import { connect, type Client } from "@shardcast/client";
import { eventually } from "@shardcast/faults";
import { exchange } from "@shardcast/e2e/http-client";
import { TEST_PSK } from "@shardcast/e2e/nodes";
import { createUserId, downTopic } from "../src/user.ts";
import {
  apiAuthPost,
  oldApiAuthPost,
  post,
  webhookPost,
  type PostRequest,
} from "./support/signed-post.ts";
import {
  POSTBACK_SECRET,
  SwitchboardBench,
  type SwitchboardProcess,
} from "./support/switchboard-process.ts";

describe("requests of the back end", () => {
  let bench: SwitchboardBench;
  let a: SwitchboardProcess;
  let b: SwitchboardProcess;
  let client: Client;

  before(async function () {
    this.timeout(60_000);
    bench = await SwitchboardBench.start();
    [a, b] = await Promise.all([bench.switchboard(), bench.switchboard()]);
    const consumers = bench.consumers.map(({ url }) => url);
    client = await connect({ producers: [bench.producer.url], consumers, psk: TEST_PSK });
  });
  after(async function () {
    this.timeout(60_000);
    client.close();
    await bench.stop();
  });
  afterEach(() => {
    expect([a.isAlive, b.isAlive], a.stderr + b.stderr).to.deep.equal([true, true]);
  });

  /** All messages that were stored for a user. */
  async function storedFor(userId: string): Promise<unknown[]> {
    const { offset } = await client.publish(downTopic(userId), "the end");
    const stored: unknown[] = [];
    for await (const message of client.subscribe(downTopic(userId), { from: "earliest" })) {
      if (message.offset === offset) break;
      stored.push(message.json());
    }
    return stored;
  }

  async function refused(request: PostRequest, status: number, code: string): Promise<void> {
    const answer = await post(a.url, request);
    expect({ status: answer.status, code: answer.code }, answer.text).to.deep.equal({
      status,
      code,
    });
    expect(answer.type).to.match(/^application\/problem\+json/);
    const problem = JSON.parse(answer.text) as object;
    expect(problem).to.have.all.keys("type", "title", "status", "detail", "code");
    expect(answer.text).to.not.match(/\bat .*:\d+|node_modules|\.[jt]s\b/);
  }

  it("are answered with 204 once they are stored, however they are signed", async () => {
    const to = createUserId();
    for (const sign of [apiAuthPost, oldApiAuthPost, webhookPost]) {
      const answer = await post(a.url, sign({ to, body: sign.name }));
      expect([answer.status, answer.text]).to.deep.equal([204, ""]);
    }
    expect(await storedFor(to)).to.deep.equal(
      ["apiAuthPost", "oldApiAuthPost", "webhookPost"].map((body) => ({ to, body })),
    );
  });

  it("are asked for their body once their head is signed well, and many at once are refused", async () => {
    const head = `POST /switchboard HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n`;
    const unsigned = await exchange(a.url, `${head}Expect: 100-continue\r\n\r\n`);
    expect(unsigned).to.match(/^HTTP\/1\.1 401 /);
    const text = await exchange(a.url, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n".repeat(5000));
    const statuses = [...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status);
    expect([statuses[0], statuses.at(-1)]).to.deep.equal(["200", "429"]);
    expect(text).to.include("SWITCHBOARD_TOO_MANY_REQUESTS");
  });

  it("are what the stand-in makes", async () => {
    const to = createUserId();
    expect(await bench.concierge.say({ body: "hi", to }, a.url)).to.equal(204);
    expect(await storedFor(to)).to.deep.equal([{ from: "POSTBACK", body: "hi", to }]);
  });

  it("are refused without a signature, with no word of the inside", async () => {
    const to = createUserId();
    const body = JSON.stringify({ to, body: "x" });
    await refused({ headers: {}, body }, 401, "SWITCHBOARD_SIGNATURE_MISSING");
    await refused({ headers: {}, body: "" }, 401, "SWITCHBOARD_SIGNATURE_MISSING");
    for (const authorization of ["APIAuth", "Basic YTpi", "APIAuth x"]) {
      const headers = { authorization };
      await refused({ headers, body }, 401, "SWITCHBOARD_SIGNATURE_MALFORMED");
    }
    expect(await storedFor(to)).to.deep.equal([]);
  });

  it("are refused with another secret, and counted", async () => {
    const to = createUserId();
    const before = await a.metric('signature_faults_total{code="SWITCHBOARD_SIGNATURE_WRONG"}');
    const forged = apiAuthPost({ to }, { secret: "the secret of somebody else" });
    await refused(forged, 401, "SWITCHBOARD_SIGNATURE_WRONG");
    const webhook = webhookPost({ to });
    const headers = { ...webhook.headers, "webhook-id": randomUUID() };
    await refused({ ...webhook, headers }, 401, "SWITCHBOARD_SIGNATURE_WRONG");
    const after = await a.metric('signature_faults_total{code="SWITCHBOARD_SIGNATURE_WRONG"}');
    expect(after - before).to.equal(2);
    expect(await storedFor(to)).to.deep.equal([]);
  });

  it("are refused where the body was changed on the way, or the path", async () => {
    const to = createUserId();
    const body = JSON.stringify({ to, body: "TAMPERED" });
    await refused({ ...apiAuthPost({ to }), body }, 401, "SWITCHBOARD_BODY_CHANGED");
    await refused({ ...oldApiAuthPost({ to }), body }, 401, "SWITCHBOARD_BODY_CHANGED");
    await refused({ ...webhookPost({ to }), body }, 401, "SWITCHBOARD_SIGNATURE_WRONG");
    await refused({ ...apiAuthPost({ to }), path: "/?x" }, 401, "SWITCHBOARD_SIGNATURE_WRONG");
    expect(await storedFor(to)).to.deep.equal([]);
  });

  it("are refused where they are of another time", async () => {
    const to = createUserId();
    for (const ms of [-1_000_000, 1_000_000]) {
      const time = Date.now() + ms;
      await refused(apiAuthPost({ to }, { time }), 401, "SWITCHBOARD_SIGNATURE_STALE");
      await refused(webhookPost({ to }, { time }), 401, "SWITCHBOARD_SIGNATURE_STALE");
    }
    const time = Date.UTC(2020, 8, 24);
    await refused(apiAuthPost({ to }, { time }), 401, "SWITCHBOARD_SIGNATURE_STALE");
    expect(await storedFor(to)).to.deep.equal([]);
  });

  it("are taken once: not again by this node, by another, or by one that started later", async function () {
    this.timeout(60_000);
    const to = createUserId();
    for (const request of [apiAuthPost({ to, n: 1 }), webhookPost({ to, n: 2 })]) {
      expect((await post(a.url, request)).status).to.equal(204);
      await refused(request, 401, "SWITCHBOARD_SIGNATURE_REPLAYED");
      await eventually("the other node knows", async () => {
        return (await b.metric("requests_remembered")) === (await a.metric("requests_remembered"));
      });
      const { code } = await post(b.url, request);
      expect(code).to.equal("SWITCHBOARD_SIGNATURE_REPLAYED");
      const later = await bench.switchboard();
      expect((await post(later.url, request)).code).to.equal("SWITCHBOARD_SIGNATURE_REPLAYED");
      await later.stop();
    }
    expect(await storedFor(to)).to.have.length(2);
  });

  it("are stored once where both nodes get the same one at the same time", async () => {
    const to = createUserId();
    for (let round = 0; round < 10; round += 1) {
      const request = apiAuthPost({ to, round });
      const answers = await Promise.all([a, b, a, b].map(({ url }) => post(url, request)));
      expect(answers.map(({ status }) => status)).to.include(204);
    }
    expect(await storedFor(to)).to.have.length(10);
  });

  it("are stored once where a sender signs a webhook anew to repeat it", async () => {
    const to = createUserId();
    const id = randomUUID();
    const time = Date.now();
    expect((await post(a.url, webhookPost({ to }, { id, time: time - 2000 }))).status).to.equal(
      204,
    );
    expect((await post(b.url, webhookPost({ to }, { id, time }))).status).to.equal(204);
    expect(await storedFor(to)).to.deep.equal([{ to }]);
  });

  it("are refused where they are no message to a user", async () => {
    for (const body of ["x", "{", '"', "", "[".repeat(100_000)]) {
      await refused(signedText(body), 400, "SWITCHBOARD_BODY_NOT_JSON");
    }
    for (const value of [null, [], 1, "x", [{ to: createUserId() }]]) {
      await refused(apiAuthPost(value), 400, "SWITCHBOARD_BODY_INVALID");
    }
    const upper = createUserId().toUpperCase();
    for (const to of [undefined, null, "", "bob", 1, {}, [createUserId()], "../up/x", upper]) {
      await refused(apiAuthPost({ to }), 400, "SWITCHBOARD_TO_INVALID");
    }
    const inherited = `{"__proto__":{"to":"${createUserId()}"}}`;
    await refused(signedText(inherited), 400, "SWITCHBOARD_TO_INVALID");
    const taken = apiAuthPost({ to: createUserId(), position: "mine" });
    await refused(taken, 400, "SWITCHBOARD_POSITION_RESERVED");
    await refused(apiAuthPost({ x: "x".repeat(300_000) }), 413, "SWITCHBOARD_BODY_TOO_LARGE");
  });

  it("may hold anything that JSON can, and no field of it is more than a field", async () => {
    const to = createUserId();
    const text = `{"to":"${to}","__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}`;
    expect((await post(a.url, signedText(text))).status).to.equal(204);
    expect(JSON.stringify(await storedFor(to))).to.equal(`[${text}]`);
  });

  it("are answered with 503 where they cannot be stored, and taken when they can", async function () {
    this.timeout(60_000);
    const lost = await bench.cluster.producer();
    const node = await bench.switchboard({
      SHARDCAST_PRODUCERS: lost.url,
      SWITCHBOARD_PUBLISH_TIMEOUT: "300",
    });
    await lost.stop("SIGKILL");
    const to = createUserId();
    const request = apiAuthPost({ to });
    const answer = await post(node.url, request);
    expect([answer.status, answer.code]).to.deep.equal([503, "SHARDCAST_TIMEOUT"]);
    await eventually("it is not ready", async () => {
      return (await fetch(`${node.url}/readyz`)).status === 503;
    });
    expect((await fetch(`${node.url}/healthz`)).status).to.equal(200);
    // The request was refused temporarily, so exactly the same request may be sent again.
    expect((await post(node.url, request)).status).to.equal(503);
    expect((await post(a.url, request)).status).to.equal(204);
    expect(await storedFor(to)).to.deep.equal([{ to }]);
    await node.stop();
  });
});

function signedText(body: string): PostRequest {
  const id = randomUUID();
  const timestamp = String(Math.floor(Date.now() / 1000));
  // Computed independently of the switchboard's code.
  const key = createHash("sha256").update(POSTBACK_SECRET).digest();
  const signature = createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest("base64");
  return {
    headers: {
      "webhook-id": id,
      "webhook-timestamp": timestamp,
      "webhook-signature": `v1,${signature}`,
    },
    body,
  };
}
