// The SDK in pages of a real browser.
import { expect } from "chai";
import type { Page } from "playwright-core";
import { eventually } from "@shardcast/faults";
import { describeWith } from "@shardcast/faults/testing";
import { openPages, type BrowserPages } from "@shardcast/e2e/browser";
import { TestCluster, type NodeProcess } from "@shardcast/e2e/nodes";
import { TOKEN_SECRET, tokenOf } from "@shardcast/e2e/tokens";

const SCRIPT = `
import { createClient } from "@shardcast/client";
const { urls, token } = globalThis.config;
Object.assign(globalThis, {
  start(route, index = 0) {
    const client = createClient({ url: urls[index], route, token, reconnect: { minMs: 20, maxMs: 200 } });
    const states = [client.state.name];
    client.on("state", ({ name }) => states.push(name));
    Object.assign(globalThis, { client, states });
  },
  async follow(topic, from) {
    const heard = [];
    const subscription = client.subscribe(topic, { from });
    subscription.on("message", (message) => heard.push(message.data));
    globalThis.heard = heard;
    await subscription.ready;
  },
});
`;

describeWith(["chromium"], "the SDK in a browser", function () {
  this.timeout(60_000);
  let cluster: TestCluster;
  let nodes: NodeProcess[];
  let pages: BrowserPages;

  before(async () => {
    cluster = await TestCluster.plan(2);
    const args = { "token-secret": TOKEN_SECRET, "presence-timeout": 3000 };
    nodes = await Promise.all([1, 2].map((number) => cluster.consumer(number, { args })));
    const allow = ["publish", "subscribe", "history", "presence"] as const;
    const token = await tokenOf({ caps: [{ topics: ["*"], allow: [...allow] }] });
    const urls = nodes.map(({ url }) => url);
    const config = { urls, token };
    pages = await openPages({ script: SCRIPT, folder: "packages/e2e", config });
  });

  after(async () => {
    await pages.close();
    await cluster.stop();
  });

  async function run<Result>(page: Page, code: string): Promise<Result> {
    return page.evaluate<Result>(code);
  }

  for (const route of ["single", "direct"] as const) {
    it(`publishes, follows, reads history and enters (${route})`, async () => {
      const { page, context } = await pages.open();
      await run(page, `start(${JSON.stringify(route)})`);
      await run(page, `follow("page-${route}", "earliest")`);
      await run(page, `client.publish("page-${route}", { n: 1 })`);
      await eventually("the message", () => run<boolean>(page, "heard.length === 1"));
      const texts = `client.history("page-${route}").then(({ messages }) => messages.map((m) => m.data))`;
      expect(await run(page, texts)).to.deep.equal([{ n: 1 }]);
      await run(page, `globalThis.room = client.presence("page-${route}")`);
      await run(page, "room.enter({ user: 'ann' }).then(() => room.ready)");
      // The list may be from before the client entered; the change follows.
      await eventually("the member", () => run<boolean>(page, "room.count === 1"));
      expect(await run(page, "room.members.map(({ user }) => user)")).to.deep.equal(["ann"]);
      expect(await run(page, "client.time()")).to.be.closeTo(Date.now(), 60_000);
      // A direct client needs another link for a topic of another owner, and is connecting meanwhile.
      await eventually("open", () => run<boolean>(page, 'states.at(-1) === "open"'));
      expect(await run(page, "states[0]")).to.equal("connecting");
      await context.close();
    });
  }

  it("is offline and back with the network, and misses nothing", async () => {
    const { page, context } = await pages.open();
    await run(page, 'start("single")');
    await run(page, 'follow("outage", "live")');
    await nodes[0]?.stop("SIGKILL");
    await eventually("offline", () => run<boolean>(page, 'client.state.name === "offline"'));
    const published = run(page, 'client.publish("outage", "kept")');
    nodes[0] = await cluster.consumer(1, { args: { "token-secret": TOKEN_SECRET } });
    await published;
    await eventually("the message", () => run<boolean>(page, 'heard.at(-1) === "kept"'));
    await eventually("open", () => run<boolean>(page, 'states.at(-1) === "open"'));
    await context.close();
  });

  it("takes its member off the list when the page is left", async () => {
    const [watching, leaving] = [await pages.open(), await pages.open()];
    for (const { page } of [watching, leaving]) await run(page, 'start("single", 1)');
    await run(watching.page, 'globalThis.room = client.presence("leaving")');
    await run(watching.page, "room.ready");
    await run(leaving.page, 'client.presence("leaving").enter({ user: "ann" })');
    await eventually("the member", () => run<boolean>(watching.page, "room.count === 1"));
    await run(watching.page, 'room.on("leave", () => (globalThis.leftAt = performance.now()))');
    await leaving.page.goto("about:blank");
    await eventually("the member has left", () => run<boolean>(watching.page, "room.count === 0"));
    await Promise.all([watching, leaving].map(({ context }) => context.close()));
  });
});
