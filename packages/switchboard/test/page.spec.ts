// The page's own script in a simulated page, with real switchboards.
import { join } from "node:path";
import { expect } from "chai";
import { WebSocket } from "ws";
import { eventually } from "@shardcast/faults";
import { SessionSeal } from "../src/session-seal.ts";
import { FakeElement } from "./support/fake-element.ts";
import { apiAuthPost, post } from "./support/signed-post.ts";
import {
  SEAL_SECRET,
  SwitchboardBench,
  type SwitchboardProcess,
} from "./support/switchboard-process.ts";

class FakeStorage {
  readonly items = new Map<string, string>();

  getItem(name: string): string | null {
    return this.items.get(name) ?? null;
  }

  setItem(name: string, value: string): void {
    this.items.set(name, value);
  }

  removeItem(name: string): void {
    this.items.delete(name);
  }
}

/** In a browser, an error event without a listener has no effect. */
class PageWebSocket extends WebSocket {
  constructor(url: string) {
    super(url);
    this.on("error", () => undefined);
  }
}

describe("the page", () => {
  const elements = new Map<string, FakeElement>();
  const localStorage = new FakeStorage();
  const sessionStorage = new FakeStorage();
  const given = new Map<string, PropertyDescriptor | undefined>();
  let bench: SwitchboardBench;
  let a: SwitchboardProcess;
  let b: SwitchboardProcess;

  before(async function () {
    this.timeout(60_000);
    bench = await SwitchboardBench.start();
    [a, b] = await Promise.all([bench.switchboard(), bench.switchboard()]);
    const document = { getElementById: byId, createElement: (tag: string) => new FakeElement(tag) };
    const location = { host: new URL(a.url).host, protocol: "http:" };
    const page = { document, location, localStorage, sessionStorage, WebSocket: PageWebSocket };
    for (const [name, value] of Object.entries(page)) {
      given.set(name, Object.getOwnPropertyDescriptor(globalThis, name));
      Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
    }
    await import(join(process.cwd(), "packages", "switchboard", "web", "client.js"));
  });
  after(async function () {
    this.timeout(60_000);
    // With an unusable address the page stops trying.
    connectTo("ws://[");
    for (const [name, descriptor] of given) {
      Reflect.deleteProperty(globalThis, name);
      if (descriptor !== undefined) Object.defineProperty(globalThis, name, descriptor);
    }
    await bench.stop();
  });

  function byId(id: string): FakeElement {
    const element = elements.get(id) ?? new FakeElement(id);
    elements.set(id, element);
    return element;
  }

  function shown(): string[] {
    return byId("messages").children.map(({ text }) => text);
  }

  function connectTo(url: string): void {
    byId("url").value = url;
    byId("place").fire("submit");
  }

  function type(text: string): void {
    byId("text").value = text;
    byId("say").fire("submit");
  }

  async function stateIs(state: string): Promise<void> {
    await eventually(`the page is ${state}`, () => byId("state").dataset["state"] === state);
  }

  async function userId(): Promise<string> {
    const seal = new SessionSeal({ secret: SEAL_SECRET, lifetimeMs: 1000 });
    const session = localStorage.getItem("switchboard-session") ?? "";
    return (await seal.unseal(session))?.userId ?? "";
  }

  async function say(body: string): Promise<void> {
    const { status } = await post(
      b.url,
      apiAuthPost({ body, from: "POSTBACK", to: await userId() }),
    );
    expect(status).to.equal(204);
  }

  it("connects, and keeps its session", async () => {
    await stateIs("connected");
    expect(await userId()).to.match(/^[0-9a-f-]{36}$/);
  });

  it("shows what was said, by whom, and that it arrived", async () => {
    type("hello");
    await eventually("it is sent", () => byId("messages").children[0]?.dataset["state"] === "sent");
    await say("<b>hi</b>");
    await eventually("it is shown", () => shown().includes("<b>hi</b>"));
    expect(byId("messages").children.map(({ className }) => className)).to.deep.equal([
      "message mine",
      "message theirs",
    ]);
    expect(byId("messages").all.map(({ tag }) => tag)).to.not.include("b");
  });

  it("goes on at another switchboard, with all that was said meanwhile on both sides", async () => {
    const before = await userId();
    await a.stop();
    await stateIs("lost");
    type("while it was away");
    for (const body of ["one", "two", "three"]) await say(body);
    connectTo(new URL(b.url).host);
    await eventually("all is shown", () => shown().includes("three"));
    expect(shown()).to.deep.equal([
      "hello",
      "<b>hi</b>",
      "while it was away",
      "one",
      "two",
      "three",
    ]);
    expect(await userId()).to.equal(before);
    await eventually("it is sent", () => byId("messages").children[2]?.dataset["state"] === "sent");
    expect(sessionStorage.getItem("switchboard-position")).to.match(/^[0-9a-f]{16}_4$/);
  });

  it("begins anew where the user wants that", async () => {
    const before = await userId();
    byId("forget").fire("click");
    await eventually("the session is another", async () => {
      const id = await userId();
      return id !== "" && id !== before;
    });
    expect(shown()).to.deep.equal([]);
  });
});
