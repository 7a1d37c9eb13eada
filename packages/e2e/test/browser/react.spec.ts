// A small chat with @shardcast/react in two windows of a real browser, in StrictMode.
import { readFileSync } from "node:fs";
import { expect } from "chai";
import type { BrowserContext, Page } from "playwright-core";
import { eventually } from "@shardcast/faults";
import { describeWith } from "@shardcast/faults/testing";
import { openPages, type BrowserPages } from "@shardcast/e2e/browser";
import { TestCluster, type NodeProcess } from "@shardcast/e2e/nodes";
import { TOKEN_SECRET, tokenOf } from "@shardcast/e2e/tokens";

const SCRIPT = `
import { StrictMode, useState } from "react";
import { createRoot } from "react-dom/client";
import { createClient } from "@shardcast/client";
import { indexedDB } from "@shardcast/client/outbox";
import { ShardcastProvider, useConnection, usePresence, usePublish, useTopic, useTyping } from "@shardcast/react";

const { urls, tokens } = globalThis.config;
const seen = { twice: [], topics: new Map(), errors: [] };
const { error } = console;
console.error = (...args) => { seen.errors.push(args.map(String).join(" ")); error(...args); };

function connect() {
  const user = globalThis.user;
  const client = createClient({ url: urls[0], route: "single", token: tokens[user], reconnect: { minMs: 20, maxMs: 200 }, publishTimeoutMs: globalThis.publishTimeoutMs });
  Object.assign(globalThis, { client });
  const { subscribe } = client;
  // Counts the subscriptions that are open.
  client.subscribe = (topic, options) => {
    const subscription = subscribe.call(client, topic, options);
    seen.topics.set(topic, (seen.topics.get(topic) ?? 0) + 1);
    subscription.on("closed", () => seen.topics.set(topic, seen.topics.get(topic) - 1));
    return subscription;
  };
  return client;
}

const words = (count, message) => count + String(message.data).split(" ").length;

function Messages({ topic }) {
  const { messages, hasOlder, loadOlder, status, isLoading, value } = useTopic(topic, { history: 5, reduce: words, initial: 0 });
  const keys = messages.map(({ key }) => key);
  const texts = messages.map(({ data }) => data);
  if (new Set(keys).size < keys.length || new Set(texts).size < texts.length) seen.twice.push(texts.join());
  return <section>
    {hasOlder && <button id="older" onClick={() => void loadOlder()}>older</button>}
    <p id="status">{status} {String(isLoading)} {value}</p>
    <ol>{messages.map((m) => <li key={m.key} className={m.error ? "failed" : m.pending ? "pending" : "stored"}>{String(m.data)}</li>)}</ol>
  </section>;
}

function Count({ topic }) {
  const { messages } = useTopic(topic, { history: 5, from: undefined });
  return <p id="count">{messages.length}</p>;
}

function Composer({ topic }) {
  const { publish, retry, messages } = usePublish(topic);
  const { typing, setTyping } = useTyping(topic, { timeoutMs: 1000 });
  const failed = messages.filter(({ state }) => state === "failed");
  Object.assign(globalThis, { publish, setTyping, retryAll: () => failed.map(({ messageId }) => retry(messageId)) });
  return <section>
    <p id="typing">{typing.join()}</p>
    <p id="states">{messages.map(({ data, state }) => data + "=" + state).join()}</p>
  </section>;
}

function Members({ topic }) {
  const { members } = usePresence(topic, { enter: true });
  return <p id="members">{members.map(({ user }) => user).sort().join()}</p>;
}

function App() {
  const [topic, setTopic] = useState("room/1");
  const { name, user } = useConnection();
  Object.assign(globalThis, { setTopic });
  return <>
    <p id="connection">{name} {user}</p>
    {topic && <><Messages topic={topic} /><Count topic={topic} /><Composer topic={topic} /><Members topic={topic} /></>}
  </>;
}

Object.assign(globalThis, {
  seen,
  start(user, options = {}) {
    Object.assign(globalThis, { user, ...options });
    const root = createRoot(document.querySelector("main"));
    const outbox = options.outbox === undefined ? undefined : indexedDB(options.outbox);
    root.render(<StrictMode><ShardcastProvider client={connect} outbox={outbox}><App /></ShardcastProvider></StrictMode>);
    globalThis.root = root;
  },
});
`;

const ALL = ["publish", "subscribe", "history", "presence"] as const;

for (const version of [18, 19]) {
  describeWith(["chromium"], `React ${version} in a browser`, function () {
    this.timeout(60_000);
    let cluster: TestCluster;
    let node: NodeProcess;
    let pages: BrowserPages;
    /** The node follows topics for itself. */
    let ownSubscriptions: number;
    const args = { "token-secret": TOKEN_SECRET, "presence-timeout": 1000 };

    before(async () => {
      cluster = await TestCluster.plan(1);
      node = await cluster.consumer(1, { args });
      ownSubscriptions = await node.metric("subscriptions");
      const caps = [{ topics: ["room/*"], allow: [...ALL] }];
      const tokens = { ann: await tokenOf({ caps }), bob: await tokenOf({ sub: "bob", caps }) };
      const alias = version === 18 ? { react: "react-18", "react-dom": "react-dom-18" } : {};
      const config = { urls: [node.url], tokens };
      pages = await openPages({ script: SCRIPT, folder: "packages/e2e", alias, config });
    });

    after(async () => {
      await pages.close();
      await cluster.stop();
    });

    async function open(
      user: string,
      options = {},
    ): Promise<{ page: Page; context: BrowserContext }> {
      const window = await pages.open();
      await run(window.page, `start("${user}", ${JSON.stringify(options)})`);
      return window;
    }

    async function run<Result>(page: Page, code: string): Promise<Result> {
      return page.evaluate<Result>(code);
    }

    /** Waits until an element shows a text. */
    async function shows(page: Page, selector: string, text: string | RegExp): Promise<void> {
      let shown = "";
      try {
        await eventually(`${selector} shows ${String(text)}`, async () => {
          const read = `document.querySelector(${JSON.stringify(selector)})?.textContent ?? ""`;
          shown = await run<string>(page, read);
          return typeof text === "string" ? shown === text : text.test(shown);
        });
      } catch (cause) {
        throw new Error(`${selector} shows ${shown}, not ${String(text)}`, { cause });
      }
    }

    async function listed(page: Page): Promise<string> {
      const code = `[...document.querySelectorAll("li")].map((li) => li.textContent + { pending: "?", failed: "!", stored: "" }[li.className]).join(" ")`;
      return run<string>(page, code);
    }

    async function lists(page: Page, text: string): Promise<void> {
      let shown = "";
      try {
        await eventually(`the list is ${text}`, async () => (shown = await listed(page)) === text);
      } catch (cause) {
        throw new Error(`the list is ${shown}, not ${text}`, { cause });
      }
    }

    async function endSound(...windows: { page: Page; context: BrowserContext }[]): Promise<void> {
      for (const { page, context } of windows) {
        expect(await run(page, "seen.twice")).to.deep.equal([]);
        expect(
          await run(page, "seen.errors.filter((text) => !/WebSocket|ERR_/.test(text))"),
        ).to.deep.equal([]);
        await context.close();
      }
    }

    async function goTo(topic: string, ...all: { page: Page }[]): Promise<void> {
      for (const { page } of all) {
        await run(page, `setTopic("${topic}")`);
        await shows(page, "#status", /^live false/);
      }
    }

    it("shows history, pages back, and shows what both windows publish", async () => {
      const [ann, bob] = [await open("ann"), await open("bob")];
      await goTo("room/history", ann, bob);
      await shows(ann.page, "#connection", "open ann");
      for (let number = 1; number <= 12; number += 1) {
        await run(ann.page, `publish("m${number}").then(({ state }) => state)`);
      }
      const late = await open("bob");
      await goTo("room/history", late);
      await lists(late.page, "m8 m9 m10 m11 m12");
      await shows(late.page, "#count", "5");
      await late.page.click("#older");
      await lists(late.page, "m3 m4 m5 m6 m7 m8 m9 m10 m11 m12");
      await late.page.click("#older");
      const all = Array.from({ length: 12 }, (_, index) => `m${index + 1}`).join(" ");
      for (const { page } of [ann, bob, late]) await lists(page, all);
      await shows(late.page, "#status", "live false 12");
      expect(await run(late.page, 'document.querySelector("#older")')).to.equal(null);
      // Two components and StrictMode make one subscription.
      expect(await run(ann.page, 'seen.topics.get("room/history")')).to.equal(1);
      await endSound(ann, bob, late);
    });

    it("shows who is there and who is typing, until they stop or are gone", async () => {
      const [ann, bob] = [await open("ann"), await open("bob")];
      await goTo("room/members", ann, bob);
      for (const { page } of [ann, bob]) await shows(page, "#members", "ann,bob");
      await run(bob.page, "setTyping(true)");
      await shows(ann.page, "#typing", "bob");
      await run(bob.page, "setTyping(false)");
      await shows(ann.page, "#typing", "");
      // Without another call, typing times out.
      await run(bob.page, "setTyping(true)");
      await shows(ann.page, "#typing", "bob");
      await shows(ann.page, "#typing", "");
      expect(await run(bob.page, 'document.querySelector("#typing").textContent')).to.equal("");
      await run(bob.page, "setTyping(true)");
      await shows(ann.page, "#typing", "bob");
      await bob.context.close();
      await shows(ann.page, "#typing", "");
      await shows(ann.page, "#members", "ann");
      await endSound(ann);
    });

    it("shows publishes as pending while a node is dead, then each once and in order", async () => {
      // Longer than a node takes to start on a busy machine.
      const [ann, bob] = [await open("ann", { publishTimeoutMs: 60_000 }), await open("bob")];
      await goTo("room/kill", ann, bob);
      await run(ann.page, 'publish("one")');
      await lists(bob.page, "one");
      await node.stop("SIGKILL");
      await shows(ann.page, "#status", /^offline/);
      await run(ann.page, 'void publish("two"), void publish("three")');
      await lists(ann.page, "one two? three?");
      await shows(ann.page, "#states", "one=stored,two=queued,three=queued");
      node = await cluster.consumer(1, { args });
      for (const { page } of [ann, bob]) await lists(page, "one two three");
      await shows(ann.page, "#states", "one=stored,two=stored,three=stored");
      await shows(ann.page, "#connection", "open ann");
      await shows(bob.page, "#members", "ann,bob");
      await endSound(ann, bob);
    });

    it("marks what could not be published, and publishes it again, once", async () => {
      const [ann, bob] = [await open("ann", { publishTimeoutMs: 500 }), await open("bob")];
      await goTo("room/offline", ann, bob);
      await ann.context.setOffline(true);
      await node.stop("SIGKILL");
      await shows(ann.page, "#status", /^offline/);
      await run(ann.page, 'void publish("lost")');
      await lists(ann.page, "lost!");
      await ann.context.setOffline(false);
      node = await cluster.consumer(1, { args });
      await shows(ann.page, "#status", /^live/);
      await run(ann.page, "void retryAll()");
      for (const { page } of [ann, bob]) await lists(page, "lost");
      await endSound(ann, bob);
    });

    it("shows what an outbox keeps after a reload, then each message once and in order", async () => {
      const options = { outbox: "ann", publishTimeoutMs: 500 };
      const [ann, bob] = [await open("ann", options), await open("bob")];
      const { page } = ann;
      await goTo("room/outbox", ann, bob);
      await run(page, 'publish("one")');
      await lists(bob.page, "one");
      await node.stop("SIGKILL");
      await shows(page, "#status", /^offline/);
      await run(page, 'void publish("two"), void publish("three")');
      await lists(page, "one two? three?");
      await shows(page, "#states", "one=stored,two=queued,three=queued");
      await page.reload();
      await run(page, `start("ann", ${JSON.stringify(options)})`);
      await run(page, 'setTopic("room/outbox")');
      await shows(page, "#states", "two=queued,three=queued");
      await run(page, 'void publish("four")');
      await lists(page, "two? three? four?");
      node = await cluster.consumer(1, { args });
      for (const window of [ann, bob]) await lists(window.page, "one two three four");
      await shows(page, "#states", "two=stored,three=stored,four=stored");
      await endSound(ann, bob);
    });

    it("leaves no subscription behind when components are unmounted", async () => {
      const ann = await open("ann");
      const { page } = ann;
      await goTo("room/a", ann);
      await goTo("room/b", ann);
      await eventually("the first topic is released", () =>
        run<boolean>(page, 'seen.topics.get("room/a") === 0'),
      );
      expect(await run(page, 'seen.topics.get("room/b")')).to.equal(1);
      await run(page, "setTopic(undefined)");
      await eventually("no topic is followed", () =>
        run<boolean>(page, "[...seen.topics.values()].every((count) => count === 0)"),
      );
      await eventually("the node has no subscription", async () => {
        return (await node.metric("subscriptions")) === ownSubscriptions;
      });
      expect(await run(page, "client.state.name")).to.equal("open");
      await run(page, "root.unmount()");
      await eventually("the client is closed", () =>
        run<boolean>(page, 'client.state.name === "closed"'),
      );
      await endSound(ann);
    });
  });
}

describeWith(["chromium"], "The README of @shardcast/react", function () {
  this.timeout(60_000);

  it("begins with ten lines that work", async () => {
    const [, code = ""] =
      /```tsx\n([^]*?)```/.exec(readFileSync("packages/react/README.md", "utf8")) ?? [];
    expect(code.trim().split("\n")).to.have.lengthOf(10);
    const cluster = await TestCluster.plan(1);
    const { httpUrl } = await cluster.consumer(1, { args: { "token-secret": TOKEN_SECRET } });
    const token = await tokenOf({ caps: [{ topics: ["chat/*"], allow: [...ALL] }] });
    const script = code
      .replace("http://localhost:9100", httpUrl)
      .replace('(await fetch("/token")).text()', "globalThis.config.token");
    const pages = await openPages({ script, folder: "packages/e2e", config: { token } });
    const { page } = await pages.open();
    for (const text of ["hi", "hi,hi"]) {
      await page.click("button");
      await eventually("the message", async () => (await page.textContent("button")) === text);
    }
    await pages.close();
    await cluster.stop();
  });
});
