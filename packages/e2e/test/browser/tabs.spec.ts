// All tabs of an origin share the link of one of them.
import { connect, type Client } from "@shardcast/client";
import { expect } from "chai";
import type { BrowserContext, Page } from "playwright-core";
import { eventually } from "@shardcast/faults";
import { describeWith } from "@shardcast/faults/testing";
import { openPages, type BrowserPages } from "@shardcast/e2e/browser";
import { TEST_PSK, TestCluster, type NodeProcess } from "@shardcast/e2e/nodes";
import { TOKEN_SECRET, tokenOf } from "@shardcast/e2e/tokens";

const SCRIPT = `
import { createClient } from "@shardcast/client";
import { tabGroup } from "@shardcast/client/tabs";
const { url, token } = globalThis.config;
const share = tabGroup("test");
const client = createClient({ url, token, share, reconnect: { minMs: 20, maxMs: 200 } });
const heard = [];
Object.assign(globalThis, {
  client,
  heard,
  follow: (topic, from) => {
    const subscription = client.subscribe(topic, { from });
    subscription.on("message", (message) => heard.push(message.data));
    return subscription.ready;
  },
});
`;

describeWith(["chromium"], "tabs that share a link", function () {
  this.timeout(60_000);
  const args = { "token-secret": TOKEN_SECRET, log: "lmdb", "presence-timeout": 3000 };
  let cluster: TestCluster;
  let node: NodeProcess;
  let pages: BrowserPages;
  let context: BrowserContext;
  let tabs: Page[];
  let back: Client;

  beforeEach(async () => {
    cluster = await TestCluster.plan(1);
    node = await cluster.consumer(1, { args });
    const allow = ["publish", "subscribe", "history", "presence"] as const;
    const token = await tokenOf({ caps: [{ topics: ["*"], allow: [...allow] }] });
    const config = { url: node.url, token };
    pages = await openPages({ script: SCRIPT, folder: "packages/e2e", config });
    const first = await pages.open();
    context = first.context;
    tabs = [first.page];
    for (let count = 0; count < 2; count += 1) tabs.push((await pages.open(context)).page);
    for (const tab of tabs) await tab.evaluate("client.ready()");
    back = await connect({ url: node.url, psk: TEST_PSK, route: "single" });
  });

  afterEach(async () => {
    back.close();
    await pages.close();
    await cluster.stop();
  });

  async function linkCount(): Promise<number> {
    const response = await fetch(`${node.url.replace("ws", "http")}/metrics`);
    const lines = (await response.text()).split("\n");
    const counts = lines.filter((line) => /^shardcast_links\{/.test(line));
    return counts.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
  }

  it("have one link for all, and each tab all that a client has", async () => {
    await Promise.all(tabs.map((tab) => tab.evaluate('follow("chat", "earliest")')));
    // The back end's own link, and that of the tabs.
    expect(await linkCount()).to.equal(2);
    await tabs[1]?.evaluate('client.publish("chat", { n: 1 }, { attributes: { key: "k" } })');
    await back.publish("chat", "from the back end");
    for (const tab of tabs) {
      await eventually("both messages", () => tab.evaluate<boolean>("heard.length === 2"));
      expect(await tab.evaluate("heard")).to.deep.equal([{ n: 1 }, "from the back end"]);
      expect(await tab.evaluate("client.user")).to.equal("ann");
      const history = 'client.history("chat").then(({ messages }) => messages.map((m) => m.user))';
      expect(await tab.evaluate(history)).to.deep.equal(["ann", undefined]);
      expect(await tab.evaluate("client.time()")).to.be.closeTo(Date.now(), 60_000);
      await tab.evaluate('globalThis.room = client.presence("room")');
      await tab.evaluate('room.enter({ user: "ann" }).then(() => room.ready)');
    }
    const room = back.presence("room");
    await room.ready;
    await eventually("three members", () => room.count === 3 && room.userCount === 1);
    for (const tab of tabs) {
      await eventually("all members", () => tab.evaluate<boolean>("room.count === 3"));
    }
    await tabs[2]?.close();
    await eventually("two members", () => room.count === 2);
  });

  it("lose nothing and get nothing twice when the leading tab ends while they publish", async () => {
    await Promise.all(tabs.map((tab) => tab.evaluate('follow("chat", "earliest")')));
    const [leader, ...others] = tabs;
    const publishing = others.map((tab, index) =>
      tab.evaluate(`(async () => {
        for (let n = 0; n < 200; n += 1) {
          await client.publish("chat", "${index} " + n);
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
      })()`),
    );
    await eventually(
      "some messages",
      () => others[0]?.evaluate<boolean>("heard.length > 50") ?? false,
    );
    await leader?.close();
    await Promise.all(publishing);
    for (const tab of others) {
      await eventually("all messages", () => tab.evaluate<boolean>("heard.length >= 400"));
      const heard = await tab.evaluate<string[]>("heard");
      for (const index of [0, 1]) {
        const own = heard.filter((text) => text.startsWith(`${index} `));
        expect(own).to.deep.equal(Array.from({ length: 200 }, (_, n) => `${index} ${n}`));
      }
    }
    expect(await linkCount()).to.equal(2);
  });

  it("are all offline with the leading tab, and go on with it", async () => {
    await Promise.all(tabs.map((tab) => tab.evaluate('follow("chat", "live")')));
    await node.stop("SIGKILL");
    for (const tab of tabs) {
      await eventually("not open", () => tab.evaluate<boolean>('client.state.name !== "open"'));
    }
    const published = tabs[1]?.evaluate('client.publish("chat", "kept", { timeoutMs: 60000 })');
    node = await cluster.consumer(1, { args });
    await published;
    for (const tab of tabs) {
      await eventually("the message", () => tab.evaluate<boolean>("heard.length > 0"));
      expect(await tab.evaluate("heard")).to.deep.equal(["kept"]);
      await eventually("open", () => tab.evaluate<boolean>('client.state.name === "open"'));
    }
  });

  it("end with the error that ends the leading tab's client", async () => {
    await tabs[0]?.evaluate("client.close()");
    await tabs[1]?.evaluate('client.publish("chat", "after")');
    expect(await tabs[0]?.evaluate("client.state.name")).to.equal("closed");
    expect(await tabs[1]?.evaluate("client.state.name")).to.equal("open");
  });
});
