// Dead links without notice, and links that are cut as soon as they open.
import { expect } from "chai";
import type { Client } from "../src/client.ts";
import { connectWith } from "../src/connect.ts";
import { PLATFORM_RUNTIME, type Runtime } from "../src/runtime.ts";
import { ScriptedNode, closeAll, connectTo, until } from "./support.ts";

/** Simulates a node behind a network that has failed. */
const SILENT = (): boolean => true;

describe("a link that is half open", () => {
  afterEach(closeAll);

  it("is replaced when an ack is missing, well within the publish's time", async () => {
    const node = await ScriptedNode.listen();
    const client = await connectTo({ url: node.url, route: "single", probeTimeoutMs: 40 });
    await client.publish("t", "before");
    const dead = node.link;
    node.script = (link) => link === dead;
    await client.publish("t", "after");
    expect(node.links).to.have.lengthOf(2);
    expect(dead.frames("ping")).to.have.lengthOf(1);
    expect(node.topic("t").messages).to.have.lengthOf(2);
  });

  it("is replaced when a subscription is asked for and nothing comes", async () => {
    const node = await ScriptedNode.listen();
    const client = await connectTo({ url: node.url, route: "single", probeTimeoutMs: 40 });
    const dead = node.link;
    node.script = (link) => link === dead;
    await client.subscribe("t").ready;
    expect(node.links).to.have.lengthOf(2);
  });

  it("is told from one whose node answers the ping and is slow to store", async () => {
    const node = await ScriptedNode.listen();
    const client = await connectTo({ url: node.url, route: "single", probeTimeoutMs: 40 });
    let held = true;
    node.script = (_link, frame) => held && frame.type === "publish";
    const publishing = client.publish("t", "x");
    await until(() => node.frames("ping").length > 0);
    expect(await client.probe()).to.be.true;
    held = false;
    const [publish] = node.frames("publish");
    if (publish !== undefined) node.ack(node.link, publish);
    await publishing;
    expect(node.links).to.have.lengthOf(1);
  });

  it("is replaced when the application asks for a probe", async () => {
    const node = await ScriptedNode.listen();
    const client = await connectTo({ url: node.url, route: "single", probeTimeoutMs: 40 });
    expect(await client.probe()).to.be.true;
    expect(node.links).to.have.lengthOf(1);
    node.script = SILENT;
    expect(await client.probe()).to.be.false;
    await until(() => node.links.length === 2);
    client.close();
    expect(await client.probe()).to.be.false;
  });

  it("is probed when the platform says that it was asleep", async () => {
    const node = await ScriptedNode.listen();
    let wake: () => void = () => undefined;
    let isWatched = true;
    const watch: Runtime["watch"] = ({ onWake }) => {
      wake = onWake;
      return () => (isWatched = false);
    };
    const client = await open(node, { watch });
    wake();
    await until(() => node.frames("ping").length === 1);
    client.close();
    expect(isWatched).to.be.false;
  });

  it("is opened at once by a probe where the next try is far off", async () => {
    const node = await ScriptedNode.listen();
    const reconnect = { minMs: 1_000_000, maxMs: 1_000_000 };
    const client = await connectTo({ url: node.url, route: "single", reconnect });
    node.link.drop();
    await until(() => client.nodes().length === 0);
    expect(await client.probe()).to.be.false;
    await until(() => client.nodes().length === 1);
  });
});

describe("a link that is cut as soon as it is open", () => {
  afterEach(closeAll);

  it("is opened again after longer and longer waits", async () => {
    const node = await ScriptedNode.listen();
    const waits: number[] = [];
    const after = (ms: number, run: () => void): (() => void) => {
      const isRetry = ms <= 1000;
      if (isRetry) waits.push(ms);
      return PLATFORM_RUNTIME.after(isRetry ? 1 : ms, run);
    };
    const client = await open(node, { after, now: () => 0, random: () => 0.9999 });
    for (let count = 1; count <= 8; count += 1) {
      await until(() => node.links.length === count);
      node.link.drop();
    }
    await until(() => waits.length >= 8);
    client.close();
    expect(waits.slice(0, 8)).to.deep.equal([20, 40, 80, 160, 320, 640, 1000, 1000]);
  });

  it("begins anew with short waits once one has stayed", async () => {
    const node = await ScriptedNode.listen();
    const waits: number[] = [];
    let now = 0;
    const after = (ms: number, run: () => void): (() => void) => {
      const isRetry = ms <= 1000;
      if (isRetry) waits.push(ms);
      return PLATFORM_RUNTIME.after(isRetry ? 1 : ms, run);
    };
    const client = await open(node, { after, now: () => now, random: () => 0.9999 });
    for (const livedMs of [0, 0, 999, 1000, 0]) {
      const count = node.links.length;
      await until(() => client.nodes().length === 1);
      now += livedMs;
      node.link.drop();
      await until(() => node.links.length === count + 1);
    }
    client.close();
    expect(waits.slice(0, 5)).to.deep.equal([20, 40, 80, 20, 40]);
  });
});

describe("a subscription that ends as soon as it stands", () => {
  afterEach(closeAll);

  it("is asked for again after longer and longer waits", async () => {
    const node = await ScriptedNode.listen();
    const waits: number[] = [];
    const after = (ms: number, run: () => void): (() => void) => {
      const isRetry = ms <= 1000;
      if (isRetry) waits.push(ms);
      return PLATFORM_RUNTIME.after(isRetry ? 1 : ms, run);
    };
    node.script = (link, frame) => {
      if (frame.type !== "subscribe") return false;
      node.subscribe(link, frame);
      const code = "SHARDCAST_OWNER_UNAVAILABLE";
      link.send({ type: "unsubscribed", sub: frame.sub, code, reason: "" });
      return true;
    };
    const client = await open(node, { after, now: () => 0, random: () => 0.9999 });
    client.subscribe("t");
    await until(() => waits.length >= 5);
    client.close();
    expect(waits.slice(0, 5)).to.deep.equal([20, 40, 80, 160, 320]);
  });
});

/** A runtime in which a test can replace parts. */
function open(node: ScriptedNode, effects: Partial<Runtime>): Promise<Client> {
  const psk = "the key of the tests";
  const reconnect = { minMs: 10, maxMs: 1000 };
  const timeouts = { handshakeTimeoutMs: 5000, probeTimeoutMs: 10_000, publishTimeoutMs: 60_000 };
  const options = { url: node.url, route: "single", psk, reconnect, ...timeouts } as const;
  return connectWith(options, { ...PLATFORM_RUNTIME, ...effects });
}
