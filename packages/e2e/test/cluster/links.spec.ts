// The links that administrators can list and close: GET /links, POST /links/disconnect.
import { connect } from "@shardcast/client";
import { expect } from "chai";
import { eventually } from "@shardcast/faults";
import { TEST_PSK, TestCluster, type NodeProcess } from "@shardcast/e2e/nodes";
import { RawClient } from "@shardcast/e2e/raw-client";
import { Recorder } from "@shardcast/e2e/recorder";
import { tokenOf, TOKEN_SECRET } from "@shardcast/e2e/tokens";

const ADMIN = { authorization: "Bearer the key of the administrators" };

interface ListedLink extends Readonly<Record<string, unknown>> {
  readonly link: string;
}

interface Listed {
  readonly links: readonly ListedLink[];
  readonly next: string;
}

describe("links, for administrators", () => {
  let cluster: TestCluster;
  let node: NodeProcess;

  before(async function () {
    this.timeout(60_000);
    const args = { "token-secret": TOKEN_SECRET, anonymous: "subscribe:*" };
    cluster = await TestCluster.plan(1, { args });
    const key = { "admin-key": "the key of the administrators", "api-key": "the key of back ends" };
    node = await cluster.consumer(1, { args: { log: "memory", ...key } });
  });

  after(() => cluster.stop());

  async function list(query = ""): Promise<Listed> {
    const response = await fetch(`${node.httpUrl}/links${query}`, { headers: ADMIN });
    expect(response.status).to.equal(200);
    return (await response.json()) as Listed;
  }

  async function disconnect(body: unknown): Promise<readonly [number, unknown]> {
    const headers = { ...ADMIN, "content-type": "application/json" };
    const init = { method: "POST", headers, body: JSON.stringify(body) };
    const response = await fetch(`${node.httpUrl}/links/disconnect`, init);
    return [response.status, await response.json()];
  }

  it("are listed, with who is behind them, a page at a time", async () => {
    const url = node.url;
    const clients = await Promise.all([
      connect({ url, psk: TEST_PSK }),
      connect({ url, token: await tokenOf({ sub: "ann" }) }),
      connect({ url, token: await tokenOf({ sub: "bob" }) }),
      connect({ url, token: "" }),
    ]);
    const { links, next } = await list();
    expect(links.map(({ access }) => access)).to.have.members([
      ...["key", "token", "token", "anonymous"],
    ]);
    expect(new Set(links.map(({ address }) => address))).to.deep.equal(new Set(["127.0.0.1"]));
    expect(next).to.equal("");
    const ofAnn = await list("?user=ann");
    expect(ofAnn.links).to.have.length(1);
    expect(ofAnn.links[0]).to.include({ user: "ann", endpoint: "connect", access: "token" });
    const first = await list("?limit=3");
    const second = await list(`?limit=3&after=${first.next}`);
    expect([...first.links, ...second.links].map(({ link }) => link)).to.have.members(
      links.map(({ link }) => link),
    );
    for (const client of clients) client.close();
    await eventually("all have left", async () => (await list()).links.length === 0);
  });

  it("are listed with their topics, and how far they are behind in them", async function () {
    this.timeout(60_000);
    const MESSAGES = 100;
    const { url } = node;
    const path = "/subscribe/busy";
    const slow = await RawClient.open(url, { psk: TEST_PSK, endpoint: "subscribe", path });
    await slow.first("subscribed");
    slow.socket.pause();
    const client = await connect({ url, psk: TEST_PSK });
    await Promise.all(["calm", "busy"].map((topic) => Recorder.follow(client, topic)));
    for (let number = 0; number < MESSAGES; number += 1) {
      await client.publish("busy", "x".repeat(64 * 1024));
    }
    const { links } = await list();
    const behind = links.find(({ endpoint }) => endpoint === "subscribe");
    const lag = Number(behind?.["lag"]);
    expect(lag).to.be.within(1, MESSAGES);
    expect(behind).to.deep.include({
      congested: true,
      subscriptions: 1,
      topics: [{ topic: "busy", lag }],
    });
    await eventually("the other client is at the head", async () => {
      const listed = (await list()).links.find(({ endpoint }) => endpoint === "connect");
      return (
        listed?.["congested"] === false && listed["lag"] === 0 && listed["subscriptions"] === 2
      );
    });
    slow.socket.resume();
    await eventually("the slow one, too", async () => {
      return (await list()).links.every((link) => link["lag"] === 0 && link["congested"] === false);
    });
    slow.socket.terminate();
    client.close();
    await eventually("all have left", async () => (await list()).links.length === 0);
  });

  it("are ended, by user or one by one, and do not come again by themselves", async () => {
    const url = node.url;
    const ann = await connect({ url, token: await tokenOf({ sub: "ann" }) });
    const bob = await connect({ url, token: await tokenOf({ sub: "bob" }) });
    expect(await disconnect({ user: "ann" })).to.deep.equal([200, { disconnected: 1 }]);
    expect((await ann.closed)?.code).to.equal("SHARDCAST_DISCONNECTED");
    const [link] = (await list("?user=bob")).links;
    expect(await disconnect({ link: link?.link })).to.deep.equal([200, { disconnected: 1 }]);
    expect((await bob.closed)?.code).to.equal("SHARDCAST_DISCONNECTED");
    expect(await disconnect({ user: "nobody" })).to.deep.equal([200, { disconnected: 0 }]);
  });

  it("are for nobody without the admin key, and for no unclear request", async () => {
    const keys = ["", "Bearer x", "Bearer the key of back ends"];
    for (const authorization of keys) {
      for (const [method, path] of [
        ["GET", "/links"],
        ["POST", "/links/disconnect"],
      ] as const) {
        const response = await fetch(node.httpUrl + path, { method, headers: { authorization } });
        expect([response.status, response.headers.get("content-type")]).to.deep.equal([
          ...[401, "application/problem+json; charset=utf-8"],
        ]);
      }
    }
    for (const body of [{}, { user: "a", link: "b" }, [], null, "x"]) {
      const [status, problem] = await disconnect(body);
      expect(status, JSON.stringify(body)).to.equal(400);
      expect(problem).to.deep.include({ code: "SHARDCAST_REQUEST_INVALID" });
    }
  });
});
