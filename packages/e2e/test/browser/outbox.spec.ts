// The outbox in IndexedDB: reloads, offline phases, and several tabs.
import { connect } from "@shardcast/client";
import { expect } from "chai";
import type { Page } from "playwright-core";
import { eventually } from "@shardcast/faults";
import { describeWith } from "@shardcast/faults/testing";
import { openPages, type BrowserPages } from "@shardcast/e2e/browser";
import { TEST_PSK, TestCluster, type NodeProcess } from "@shardcast/e2e/nodes";
import { TOKEN_SECRET, tokenOf } from "@shardcast/e2e/tokens";

const TOPIC = "chat";
const SCRIPT = `
import { createClient } from "@shardcast/client";
import { indexedDB } from "@shardcast/client/outbox";
const { url, token } = globalThis.config;
const outbox = indexedDB("chat");
const reconnect = { minMs: 20, maxMs: 200 };
Object.assign(globalThis, {
  outbox,
  connect: () => (globalThis.client = createClient({ url, route: "single", token, reconnect, outbox })),
  states: () => outbox.entries.map(({ state }) => state),
});
`;

describeWith(["chromium"], "the outbox in a browser", function () {
  this.timeout(60_000);
  const args = { "token-secret": TOKEN_SECRET, log: "lmdb" };
  let cluster: TestCluster;
  let node: NodeProcess;
  let pages: BrowserPages;

  beforeEach(async () => {
    cluster = await TestCluster.plan(1);
    node = await cluster.consumer(1, { args });
    const caps = [{ topics: ["*"], allow: ["publish" as const] }];
    const config = { url: node.url, token: await tokenOf({ caps }) };
    pages = await openPages({ script: SCRIPT, folder: "packages/e2e", config });
  });

  afterEach(async () => {
    await pages.close();
    await cluster.stop();
  });

  async function stored(): Promise<string[]> {
    const client = await connect({ url: node.url, psk: TEST_PSK, route: "single" });
    const { messages } = await client.history(TOPIC, { limit: 1000 });
    client.close();
    return messages.map((message) => message.text());
  }

  const publishAll = (page: Page, texts: readonly string[]): Promise<unknown> =>
    page.evaluate(
      `Promise.all(${JSON.stringify(texts)}.map((text) => outbox.publish("${TOPIC}", text)))`,
    );

  it("sends 20 messages of an offline phase after a reload, once and in order", async () => {
    const { page, context } = await pages.open();
    const texts = Array.from({ length: 20 }, (_, index) => `message ${index}`);
    await node.stop("SIGKILL");
    await page.evaluate("connect()");
    await publishAll(page, texts);
    expect(await page.evaluate("states()")).to.deep.equal(texts.map(() => "queued"));
    await page.reload();
    await page.evaluate("connect()");
    await eventually("the entries are there again", () =>
      page.evaluate<boolean>("states().length === 20"),
    );
    expect(await page.evaluate("outbox.entries.map(({ data }) => data)")).to.deep.equal(texts);
    node = await cluster.consumer(1, { args });
    await eventually("all are stored", () =>
      page.evaluate<boolean>('states().every((state) => state === "stored")'),
    );
    expect(await stored()).to.deep.equal(texts);
    await page.reload();
    await page.evaluate("connect()");
    await page.evaluate('outbox.publish("chat", "last")');
    await eventually("the last is stored", () =>
      page.evaluate<boolean>('states().join() === "stored"'),
    );
    expect(await stored()).to.deep.equal([...texts, "last"]);
    await context.close();
  });

  it("has each tab send its own messages, and those of a tab that was closed", async () => {
    const first = await pages.open();
    const second = await pages.open(first.context);
    const third = await pages.open(first.context);
    // The second and third tab have no client: they only queue.
    await first.page.evaluate("connect()");
    await publishAll(second.page, ["a", "b"]);
    await publishAll(third.page, ["c"]);
    await publishAll(first.page, ["1"]);
    await eventually("its own is stored", async () => (await stored()).join("") === "1");
    await second.page.close();
    await eventually("those of the closed tab", async () => (await stored()).join("") === "1ab");
    await third.page.evaluate("connect()");
    await eventually("those of the other tab", async () => (await stored()).join("") === "1abc");
    await first.context.close();
  });
});
