import { type } from "arktype";
import { expect } from "chai";
import * as v from "valibot";
import { z } from "zod";
import type { Client } from "../src/client.ts";
import {
  defineTopics,
  type MalformedMessage,
  type StandardSchema,
  type TypedMessage,
} from "../src/typed-topics.ts";
import { ScriptedNode, closeAll, connectTo, failure, until } from "./support.ts";

/** The same data, described with each library. `size` has a default. */
const LIBRARIES = {
  zod: z.object({ text: z.string(), size: z.number().default(1) }),
  valibot: v.object({ text: v.string(), size: v.optional(v.number(), 1) }),
  arktype: type({ text: "string", size: "number = 1" }),
};

interface Data {
  readonly text: string;
  readonly size: number;
}

async function start(): Promise<{ node: ScriptedNode; client: Client }> {
  const node = await ScriptedNode.listen();
  return { node, client: await connectTo({ url: node.url, route: "single" }) };
}

describe("typed topics", () => {
  afterEach(closeAll);

  for (const [library, data] of Object.entries<StandardSchema<object, Data>>(LIBRARIES)) {
    describe(`with ${library}`, () => {
      const topics = defineTopics({ "chat/:room": { data: data } });

      it("publish and receive data that matches", async () => {
        const { node, client } = await start();
        const chat = topics.of(client);
        const subscription = chat.subscribe("chat/:room", { room: "42" });
        await subscription.ready;
        await chat.publish("chat/:room", { room: "42" }, { text: "hi" }, { messageId: "id" });
        // The default is added where it is received.
        expect(Buffer.from(node.topic("chat/42").messages[0]?.payload ?? []).toString()).to.equal(
          '{"text":"hi"}',
        );
        for await (const message of subscription) {
          expect(message.data).to.deep.equal({ text: "hi", size: 1 });
          expect(message.params).to.deep.equal({ room: "42" });
          expect(message).to.include({
            topic: "chat/42",
            offset: 1,
            messageId: "id",
            user: undefined,
          });
          expect(message.position).to.equal(`${message.epoch}_1`);
          break;
        }
      });

      it("refuse to publish what does not match, and send nothing", async () => {
        const { node, client } = await start();
        const chat = topics.of(client);
        const wrong = { text: 1 };
        const publish = chat.publish("chat/:room", { room: "42" }, wrong);
        const { message } = await failure(publish, "SHARDCAST_SCHEMA_MISMATCH");
        expect(message).to.match(/^\/text: ./);
        expect(node.topic("chat/42").messages).to.deep.equal([]);
      });

      it("skip messages that do not match, and report each once", async () => {
        const { client } = await start();
        const subscription = topics.of(client).subscribe("chat/:room", { room: "42" });
        const malformed: MalformedMessage[] = [];
        const heard: TypedMessage<unknown, Data>[] = [];
        subscription.on("malformed", (value) => malformed.push(value));
        subscription.on("message", (message) => heard.push(message));
        const read: Data[] = [];
        const reading = (async () => {
          for await (const message of subscription) if (read.push(message.data) === 2) break;
        })();
        await subscription.ready;
        await client.publish("chat/42", { text: "one" });
        await client.publish("chat/42", { text: 2 });
        await client.publish("chat/42", "{", {
          attributes: { "content-type": "application/json" },
        });
        await client.publish("chat/42", "text");
        await client.publish("chat/42", { text: "two", size: 2 });
        await reading;
        const expected = [
          { text: "one", size: 1 },
          { text: "two", size: 2 },
        ];
        expect(read).to.deep.equal(expected);
        expect(heard.map((message) => message.data)).to.deep.equal(expected);
        expect(malformed.map(({ message }) => message.text())).to.deep.equal([
          '{"text":2}',
          "{",
          "text",
        ]);
        expect(malformed.map(({ message }) => message.offset)).to.deep.equal([2, 3, 4]);
        expect(
          malformed.every(({ problem }) => problem.code === "SHARDCAST_SCHEMA_MISMATCH"),
        ).to.equal(true);
        expect(malformed[0]?.problem.message).to.match(/^\/text: ./);
        expect(malformed[1]?.problem.message).to.match(/the payload is not application\/json/);
      });
    });
  }

  it("accept one segment for each parameter", async () => {
    const { client } = await start();
    const topics = defineTopics({ "a/:x/b/:y": { data: z.string() }, plain: { data: z.string() } });
    const typed = topics.of(client);
    await typed.publish("a/:x/b/:y", { x: "größe :z *", y: ".." }, "text");
    await typed.publish("plain", {}, "text");
    const [first, second] = ["a/größe :z */b/..", "plain"].map((topic) =>
      client.subscribe(topic, { from: "earliest" }),
    );
    for (const subscription of [first, second]) {
      for await (const message of subscription ?? []) {
        expect(message.data).to.equal("text");
        break;
      }
    }
    for (const x of ["", "a/b", "\u0001", "x".repeat(256), undefined as unknown as string]) {
      await failure(typed.publish("a/:x/b/:y", { x, y: "1" }, "text"), "SHARDCAST_TOPIC_INVALID");
      expect(() => typed.subscribe("a/:x/b/:y", { x, y: "1" }))
        .to.throw()
        .with.property("code", "SHARDCAST_TOPIC_INVALID");
    }
  });

  it("are refused with names that are not valid", () => {
    const names = ["", "a/:", "a/:1", "a/:x-y", ":x/:x", "$a/:x", "a\n", "a".repeat(256)];
    for (const name of names) {
      const define = (): unknown => defineTopics({ [name]: { data: z.string() } });
      expect(define, name).to.throw().with.property("code", "SHARDCAST_OPTION_INVALID");
    }
  });

  it("do not end a loop with a schema that throws, and refuse one that takes its time", async () => {
    const { client } = await start();
    const throwing = standard(() => {
      throw new Error("no such day");
    });
    const slow = standard(() => Promise.reject(new Error("later")));
    const typed = defineTopics({ throwing: { data: throwing }, slow: { data: slow } }).of(client);
    await failure(typed.publish("slow", {}, "x"), "SHARDCAST_OPTION_INVALID");
    for (const [name, expected] of [
      ["throwing", /no such day/],
      ["slow", /must be synchronous/],
    ] as const) {
      const problems: string[] = [];
      const subscription = typed.subscribe(name, {});
      subscription.on("malformed", ({ problem }) => problems.push(problem.message));
      subscription.on("message", () => problems.push("it came"));
      await subscription.ready;
      await client.publish(name, "x");
      await until(() => problems.length > 0);
      expect(problems[0]).to.match(expected);
    }
  });

  it("pass on the other events, position and close", async () => {
    const { client } = await start();
    const typed = defineTopics({ t: { data: z.string() } }).of(client);
    const subscription = typed.subscribe("t", {}, { from: "earliest" });
    const events: string[] = [];
    subscription.on("subscribed", () => events.push("subscribed"));
    subscription.on("closed", () => events.push("closed"));
    const off = subscription.on("malformed", () => events.push("malformed"));
    subscription.on("message", ({ data }) => events.push(data));
    await subscription.ready;
    await client.publish("t", { not: "text" });
    await client.publish("t", "text");
    await until(() => events.includes("text"));
    off();
    await client.publish("t", { not: "text" });
    await client.publish("t", "last");
    await until(() => events.includes("last"));
    expect(subscription.position).to.match(/_4$/);
    subscription.close();
    expect(events).to.deep.equal(["subscribed", "malformed", "text", "last", "closed"]);
  });
});

function standard(validate: () => never | Promise<never>): StandardSchema<string, string> {
  return { "~standard": { version: 1, vendor: "test", validate } };
}

function expectType<Expected>(value: Expected): Expected {
  return value;
}

/** Never called: the compiler checks it. */
export async function types(client: Client): Promise<void> {
  const typed = defineTopics({
    "chat/:room": { data: LIBRARIES.zod },
    "log/:host/:part": { data: LIBRARIES.valibot },
    log: { data: LIBRARIES.arktype },
  }).of(client);
  const chat = typed.subscribe("chat/:room", { room: "1" });
  for await (const { data, params } of chat) {
    expectType<{ text: string; size: number }>(data);
    expectType<{ readonly room: string }>(params);
    // @ts-expect-error size is a number (zod)
    expectType<string>(data.size);
    // @ts-expect-error there is no such parameter
    expectType<{ readonly other: string }>(params);
  }
  const log = typed.subscribe("log/:host/:part", { host: "a", part: "b" });
  for await (const { data, params } of log) {
    expectType<{ text: string; size: number }>(data);
    expectType<string>(params.host + params.part);
    // @ts-expect-error size is a number (valibot)
    expectType<string>(data.size);
  }
  const plain = typed.subscribe("log", {});
  plain.on("message", ({ data }) => {
    expectType<{ text: string; size: number }>(data);
    // @ts-expect-error size is a number (arktype)
    expectType<string>(data.size);
  });
  await typed.publish("chat/:room", { room: "1" }, { text: "x" });
  await typed.publish("log", {}, { text: "x", size: 2 });
  // @ts-expect-error the topic is not defined
  await typed.publish("chat", {}, { text: "x" });
  // @ts-expect-error a parameter is missing
  await typed.publish("chat/:room", {}, { text: "x" });
  // @ts-expect-error there is no such parameter
  await typed.publish("chat/:room", { room: "1", other: "2" }, { text: "x" });
  // @ts-expect-error the data does not match (zod)
  await typed.publish("chat/:room", { room: "1" }, { text: 1 });
  // @ts-expect-error the data does not match (valibot)
  await typed.publish("log/:host/:part", { host: "a", part: "b" }, {});
  // @ts-expect-error the data does not match (arktype)
  await typed.publish("log", {}, { text: "x", size: "2" });
}
