// Reads of stored messages, requests with replies, and the time of a node.
import { expect } from "chai";
import type { Client } from "../src/client.ts";
import type { History } from "../src/history.ts";
import { ScriptedNode, closeAll, connectTo, failure, until } from "./support.ts";

const TOPIC = "news";
const LETTERS = Array.from("abcdefghij");

async function start(options: object = {}): Promise<{ node: ScriptedNode; client: Client }> {
  const node = await ScriptedNode.listen();
  const reconnect = { minMs: 1, maxMs: 5 };
  const client = await connectTo({ url: node.url, route: "single", reconnect, ...options });
  return { node, client };
}

describe("history", () => {
  afterEach(closeAll);

  function summary({ messages, isStart, isEnd, gaps }: History): string {
    const texts = messages.map((message) => message.text()).join("");
    const missing = gaps.map(({ first, last }) => ` gap ${first}-${last}`).join("");
    return `${isStart ? "[" : "…"}${texts}${isEnd ? "]" : "…"}${missing}`;
  }

  it("gives the newest messages, those before and those after a position, and a range", async () => {
    const { node, client } = await start();
    node.store(TOPIC, ...LETTERS);
    const { epoch } = node.topic(TOPIC);
    const at = (offset: number): string => `${epoch}_${offset}`;
    const cases: [object, string][] = [
      [{}, "[abcdefghij]"],
      [{ limit: 4 }, "…ghij]"],
      [{ before: at(7), limit: 4 }, "…cdef…"],
      [{ before: at(3), limit: 4 }, "[ab…"],
      [{ before: at(1), limit: 4 }, "[…"],
      [{ after: at(0), limit: 4 }, "[abcd…"],
      [{ after: at(6), limit: 4 }, "…ghij]"],
      [{ after: at(8), limit: 4 }, "…ij]"],
      [{ after: at(10), limit: 4 }, "…]"],
      [{ after: at(2), before: at(8) }, "…cdefg…"],
    ];
    for (const [options, expected] of cases) {
      const name = JSON.stringify(options);
      expect(summary(await client.history(TOPIC, options)), name).to.equal(expected);
    }
    expect(node.frames("subscribe")).to.be.empty;
  });

  it("says what is gone: before a position it is merely the start, after one it is a gap", async () => {
    const { node, client } = await start();
    node.store(TOPIC, ...LETTERS);
    const { epoch } = node.topic(TOPIC);
    node.trim(TOPIC, 5);
    const before = await client.history(TOPIC, { before: `${epoch}_8`, limit: 5 });
    expect(summary(before)).to.equal("[fg…");
    const after = await client.history(TOPIC, { after: `${epoch}_2`, limit: 3 });
    expect(summary(after)).to.equal("[fgh… gap 3-5");
    node.restartTopic(TOPIC);
    node.store(TOPIC, "A");
    const restarted = await client.history(TOPIC, { after: `${epoch}_2` });
    expect(summary(restarted)).to.equal("[A] gap 1-0");
    expect(restarted.gaps).to.deep.include({
      ...{ epoch: node.topic(TOPIC).epoch, first: 1, last: 0, isNewEpoch: true },
    });
    expect(summary(await client.history(TOPIC, { before: `${epoch}_8` }))).to.equal("[…");
  });

  it("gives the reason of a gap, where the node says one", async () => {
    const { node, client } = await start();
    node.store(TOPIC, ...LETTERS.slice(0, 3));
    const { epoch } = node.topic(TOPIC);
    node.script = (link, frame) => {
      if (frame.type !== "read") return false;
      link.send({ type: "cause", sub: frame.seq, code: "SHARDCAST_MESSAGES_DAMAGED" });
      node.trim(TOPIC, 1);
      node.read(link, frame);
      return true;
    };
    const { gaps } = await client.history(TOPIC, { after: `${epoch}_0`, limit: 1 });
    expect(gaps).to.deep.equal([
      { epoch, first: 1, last: 1, isNewEpoch: false, code: "SHARDCAST_MESSAGES_DAMAGED" },
    ]);
  });

  it("is asked for again after a lost link and a refusal for now, and ends at one for good", async () => {
    const { node, client } = await start();
    node.store(TOPIC, "a");
    const answers = ["drop", "SHARDCAST_WINDOW_FULL"];
    node.script = (link, frame) => {
      if (frame.type !== "read") return false;
      const answer = answers.shift();
      if (answer === undefined) return false;
      if (answer === "drop") link.drop();
      else link.send({ type: "reject", seq: frame.seq, code: answer, reason: "" });
      return true;
    };
    expect((await client.history(TOPIC)).messages).to.have.lengthOf(1);
    expect(answers).to.be.empty;
    answers.push("SHARDCAST_FORBIDDEN");
    await failure(client.history(TOPIC), "SHARDCAST_FORBIDDEN");
    node.script = (_link, frame) => frame.type === "read";
    await failure(client.history(TOPIC, { timeoutMs: 20 }), "SHARDCAST_TIMEOUT");
    const pending = client.history(TOPIC);
    await until(() => node.frames("read").length > 4);
    client.close();
    await failure(pending, "SHARDCAST_CLOSED");
  });

  it("refuses options that cannot be meant", async () => {
    const { client } = await start();
    await failure(client.history(TOPIC, { limit: 0 }), "SHARDCAST_OPTION_INVALID");
    await failure(client.history(TOPIC, { before: "live" }), "SHARDCAST_POSITION_INVALID");
    await failure(client.history("", {}), "SHARDCAST_TOPIC_INVALID");
  });
});

describe("a request", () => {
  afterEach(closeAll);

  it("resolves with the reply of whoever answers, each with its own", async () => {
    const { client } = await start();
    client.subscribe("sums").on("message", (message) => {
      const [a, b] = message.data as [number, number];
      void client.reply(message, a + b);
    });
    const replies = await Promise.all([1, 2, 3].map((one) => client.request("sums", [one, 10])));
    expect(replies.map(({ data }) => data)).to.deep.equal([11, 12, 13]);
  });

  it("fails without a reply in time, by its signal, and where its publish fails", async () => {
    const { node, client } = await start();
    await failure(client.request("sums", 1, { timeoutMs: 30 }), "SHARDCAST_TIMEOUT");
    const controller = new AbortController();
    const aborted = client.request("sums", 1, { signal: controller.signal });
    const reason = new Error("no longer needed");
    controller.abort(reason);
    expect(await aborted.catch((error: unknown) => error)).to.equal(reason);
    node.script = (link, frame) => {
      if (frame.type !== "publish") return false;
      link.send({ type: "reject", seq: frame.seq, code: "SHARDCAST_FORBIDDEN", reason: "" });
      return true;
    };
    await failure(client.request("sums", 1), "SHARDCAST_FORBIDDEN");
  });

  it("is what a reply needs", async () => {
    const { client } = await start();
    const subscription = client.subscribe("plain");
    await subscription.ready;
    await client.publish("plain", "no request");
    for await (const message of subscription) {
      await failure(client.reply(message, "?"), "SHARDCAST_OPTION_INVALID");
      break;
    }
  });
});

describe("the time of a node", () => {
  afterEach(closeAll);

  it("is asked for over a link, and again over the next where one is lost", async () => {
    const { node, client } = await start();
    const time = await client.time();
    expect(time).to.be.within(1_700_000_000_000, 1_700_000_060_000);
    const lost = node.link;
    node.script = (link, frame) => {
      if (link === lost && frame.type === "clock") link.drop();
      return link === lost;
    };
    expect(await client.time()).to.be.at.least(1_700_000_000_000);
    client.close();
    await failure(client.time(), "SHARDCAST_CLOSED");
  });
});
