// Publishing and reading over HTTP with real nodes: single messages, batches, streams, pages, and
// API descriptions.
import { Validator } from "@seriousme/openapi-schema-validator";
import { connect } from "@shardcast/client";
import { expect } from "chai";
import { eventually } from "@shardcast/faults";
import { EventReader, ask, jsonOf, problemOf, type HttpAnswer } from "@shardcast/e2e/http-client";
import { TEST_PSK, TestCluster, ringOf, type NodeProcess } from "@shardcast/e2e/nodes";

const API_KEY = "the key of the tests";
const KEY = { authorization: `Bearer ${API_KEY}` };
const MAX_PAYLOAD = 100_000;
const POSITION = /^[0-9a-f]{16}_[0-9]+$/;

describe("HTTP", () => {
  let cluster: TestCluster;
  let c1: NodeProcess;
  let c2: NodeProcess;
  let producer: NodeProcess;
  const readers: EventReader[] = [];

  before(async function () {
    this.timeout(60_000);
    const args = { "api-key": API_KEY, "max-payload": MAX_PAYLOAD, "heartbeat-interval": 1000 };
    cluster = await TestCluster.plan(2, { args });
    const retention = JSON.stringify([{ topics: "short/*", count: 3 }]);
    const log = { args: { log: "memory", retention } };
    [c1, c2] = await Promise.all([cluster.consumer(1, log), cluster.consumer(2, log)]);
    producer = await cluster.producer();
    await eventually("the producer has its uplinks", async () => {
      return (await producer.metric("uplinks_open")) === 2;
    });
  });

  afterEach(() => {
    for (const reader of readers.splice(0)) reader.close();
  });
  after(() => cluster.stop());

  /** A topic that a node owns, with a prefix for one test. */
  function topicOf(id: string, prefix: string): string {
    const ring = ringOf(cluster.consumers);
    const names = Array.from({ length: 100 }, (_, number) => `${prefix}-${number}`);
    return names.find((name) => ring.ownerOf(name).id === id) ?? "";
  }

  function publish(
    topic: string,
    body: Uint8Array | string,
    headers: object = {},
    query = "",
  ): Promise<HttpAnswer> {
    const path = `/produce/${encodeURIComponent(topic)}${query}`;
    return ask(producer.httpUrl, path, { method: "POST", body, headers: { ...KEY, ...headers } });
  }

  async function publishMany(body: Uint8Array | string): Promise<Record<string, unknown>[]> {
    const answer = await ask(producer.httpUrl, "/produce", { body, headers: KEY });
    expect(answer.status, answer.text).to.equal(200);
    expect(answer.headers["content-type"]).to.match(/^application\/x-ndjson/);
    return answer.text
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  function get(path: string, node = c1): Promise<HttpAnswer> {
    return ask(node.httpUrl, path, { headers: KEY });
  }

  async function read(topic: string, query = "", node = c1): Promise<Page> {
    const answer = await get(`/topics/${encodeURIComponent(topic)}/messages${query}`, node);
    expect(answer.status, answer.text).to.equal(200);
    return JSON.parse(answer.text) as Page;
  }

  async function follow(
    topic: string,
    query = "",
    node = c1,
    headers: object = {},
  ): Promise<EventReader> {
    const path = `/subscribe/${encodeURIComponent(topic)}${query}`;
    const reader = await EventReader.open(node.httpUrl, path, { ...KEY, ...headers });
    readers.push(reader);
    return reader;
  }

  describe("POST /produce/:topic", () => {
    it("stores any bytes as one message, with their content type", async () => {
      const topic = topicOf("c1", "bytes");
      const bytes = Uint8Array.from({ length: 256 }, (_, byte) => byte);
      const answer = await publish(topic, bytes, { "content-type": "image/png" });
      expect(answer.status).to.equal(200);
      const { position, ...rest } = jsonOf(answer);
      expect(position).to.match(POSITION);
      expect(rest).to.deep.equal({ topic, duplicate: false });
      const json = 'application/json; charset="utf-8"';
      await publish(topic, '{"a":1}', { "content-type": json });
      await publish(topic, "");
      const { messages } = await read(topic);
      expect(messages.map(({ payload }) => payload)).to.deep.equal([undefined, '{"a":1}', ""]);
      expect(Buffer.from(messages[0]?.payloadBase64 ?? "", "base64")).to.deep.equal(
        Buffer.from(bytes),
      );
      expect(messages.map(({ attributes }) => attributes?.["content-type"])).to.deep.equal([
        ...["image/png", json, undefined],
      ]);
      expect(messages[0]?.position).to.equal(position);
    });

    it("takes multipart and forms as the bytes that they are", async () => {
      const topic = topicOf("c2", "forms");
      const form = "--x\r\ncontent-disposition: form-data; name=a\r\n\r\n1\r\n--x--\r\n";
      await publish(topic, form, { "content-type": "multipart/form-data; boundary=x" });
      await publish(topic, "a=1&b=2", { "content-type": "application/x-www-form-urlencoded" });
      await publish(topic, "{not json", { "content-type": "application/json" });
      const { messages } = await read(topic);
      expect(messages.map(({ payload }) => payload)).to.deep.equal([form, "a=1&b=2", "{not json"]);
    });

    it("stores a message once that has an Idempotency-Key", async () => {
      const topic = topicOf("c1", "once");
      const first = jsonOf(await publish(topic, "a", { "idempotency-key": "order-1" }));
      const second = jsonOf(await publish(topic, "b", { "idempotency-key": "order-1" }));
      expect(second).to.deep.equal({ ...first, duplicate: true });
      const { messages } = await read(topic);
      expect(messages.map(({ payload, messageId }) => [payload, messageId])).to.deep.equal([
        ["a", "order-1"],
      ]);
      for (const length of [129, 256, 5000]) {
        const answer = await publish(topic, "c", { "idempotency-key": "k".repeat(length) });
        expect(problemOf(answer)).to.equal("400 SHARDCAST_MESSAGE_ID_INVALID");
      }
    });

    it("takes every topic that there can be, percent-encoded", async () => {
      const topics = [
        ...["a/b/c", "/", "//", "100%", "%2F", "%25", "a b", "a+b", "a?b=c", "a#b", "a;b", "a:b"],
        ...["日本/東京", "é", "😀", "..a", "a&b", "*", "'\"<>", "~!()", "\\", "messages", ":topic"],
        ...["__proto__", "constructor", "x".repeat(255), "日".repeat(85)],
      ];
      for (const topic of topics) {
        const answer = await publish(topic, topic);
        expect([topic, answer.status]).to.deep.equal([topic, 200]);
        expect(jsonOf(answer)["topic"]).to.equal(topic);
        const { messages } = await read(topic);
        expect(messages.map(({ payload }) => payload)).to.deep.equal([topic]);
      }
      const listed = [...(await topics1000(c1)), ...(await topics1000(c2))];
      expect(listed).to.include.members(topics);
    });

    it("takes . and .. where a client sends them as they are", async () => {
      for (const topic of [".", ".."]) {
        for (const path of [`/produce/${topic}`, `/produce/${topic.replaceAll(".", "%2e")}`]) {
          const answer = await ask(producer.httpUrl, path, { body: "x", headers: KEY });
          expect([jsonOf(answer)["topic"], answer.status]).to.deep.equal([topic, 200]);
        }
      }
    });

    it("refuses topics that break the rules, and those of the system", async () => {
      const cases = {
        "/produce/%24presence%2Fx": "403 SHARDCAST_TOPIC_RESERVED",
        "/produce/$x": "403 SHARDCAST_TOPIC_RESERVED",
        "/produce/": "400 SHARDCAST_TOPIC_INVALID",
        "/produce/a%00b": "400 SHARDCAST_TOPIC_INVALID",
        "/produce/a%0ab": "400 SHARDCAST_TOPIC_INVALID",
        [`/produce/${"x".repeat(256)}`]: "400 SHARDCAST_TOPIC_INVALID",
        [`/produce/${"%41".repeat(2000)}`]: "400 SHARDCAST_TOPIC_INVALID",
        "/produce/%ff": "400 SHARDCAST_REQUEST_INVALID",
        "/produce/%zz": "400 SHARDCAST_REQUEST_INVALID",
        "/produce/a/b": "404 SHARDCAST_ENDPOINT_UNKNOWN",
      };
      for (const [path, expected] of Object.entries(cases)) {
        const answer = await ask(producer.httpUrl, path, { body: "x", headers: KEY });
        expect([path, problemOf(answer)]).to.deep.equal([path, expected]);
      }
    });

    it("refuses a payload over the limit, told its size or not, and takes the next request", async () => {
      const topic = topicOf("c1", "large");
      const most = Buffer.alloc(MAX_PAYLOAD, "x");
      expect((await publish(topic, most)).status).to.equal(200);
      const over = Buffer.alloc(MAX_PAYLOAD + 1, "x");
      expect(problemOf(await publish(topic, over))).to.equal("413 SHARDCAST_PAYLOAD_TOO_LARGE");
      const chunked = { "transfer-encoding": "chunked" };
      expect(problemOf(await publish(topic, over, chunked))).to.equal(
        "413 SHARDCAST_PAYLOAD_TOO_LARGE",
      );
      expect((await publish(topic, most, chunked)).status).to.equal(200);
    });

    it("refuses a content type that no message can carry", async () => {
      const long = { "content-type": `text/plain; x=${"x".repeat(300)}` };
      expect(problemOf(await publish("types", "x", long))).to.equal(
        "400 SHARDCAST_ATTRIBUTES_INVALID",
      );
    });

    it("takes a time for its answer, and refuses one that is none", async () => {
      expect((await publish("timed", "x", {}, "?timeoutMs=5000")).status).to.equal(200);
      for (const time of ["0", "-1", "1.5", "x", "", "4294967296", "1&timeoutMs=2"]) {
        const answer = await publish("timed", "x", {}, `?timeoutMs=${time}`);
        expect([time, problemOf(answer)]).to.deep.equal([time, "400 SHARDCAST_REQUEST_INVALID"]);
      }
    });

    it("answers 503 in that time where the owner is out of reach", async () => {
      const lonely = await TestCluster.plan(1, { args: { "api-key": API_KEY } });
      const node = await lonely.producer();
      const path = "/produce/x?timeoutMs=100";
      const answer = await ask(node.httpUrl, path, { body: "x", headers: KEY });
      expect(problemOf(answer)).to.equal("503 SHARDCAST_OWNER_UNAVAILABLE");
      expect(answer.headers["retry-after"]).to.equal("1");
      await lonely.stop();
    });
  });

  describe("POST /produce", () => {
    it("takes a byte order mark in front of the first line", async () => {
      const [answer] = await publishMany('\ufeff{"topic":"mark","payload":"x"}\n');
      expect(answer).to.include({ topic: "mark", duplicate: false });
    });

    it("refuses for good a line that is nested too deeply", async () => {
      const deep = `${"[".repeat(100_000)}${"]".repeat(100_000)}`;
      const [answer, next] = await publishMany(
        `{"topic":"deep","payload":${deep}}\n{"topic":"deep","payload":"x"}\n`,
      );
      expect(answer).to.include({ code: "SHARDCAST_REQUEST_INVALID" });
      expect(next).to.include({ topic: "deep", duplicate: false });
    });

    it("stores the lines of a topic in their order, and answers each in its place", async () => {
      const topics = [topicOf("c1", "many"), topicOf("c2", "many")];
      const lines = Array.from({ length: 3000 }, (_, number) => ({
        topic: topics[number % 2] ?? "",
        payload: `${number}`,
      }));
      const answers = await publishMany(lines.map((line) => JSON.stringify(line)).join("\n"));
      expect(answers.map(({ topic }) => topic)).to.deep.equal(lines.map(({ topic }) => topic));
      for (const [index, topic] of topics.entries()) {
        const offsets = answers
          .filter((answer) => answer["topic"] === topic)
          .map(({ position }) => Number(String(position).split("_")[1]));
        expect(offsets).to.deep.equal(Array.from({ length: 1500 }, (_, number) => number + 1));
        const { messages } = await read(topic, "?limit=1000");
        expect(messages.map(({ payload }) => Number(payload))).to.deep.equal(
          Array.from({ length: 1000 }, (_, number) => 2 * number + index),
        );
      }
    });

    it("has one bad line cost only itself", async () => {
      const topic = topicOf("c1", "mixed");
      const good = (payload: string): Buffer => Buffer.from(JSON.stringify({ topic, payload }));
      const lines: [Buffer, string | undefined][] = [
        [good("first"), undefined],
        [Buffer.from("{"), "SHARDCAST_REQUEST_INVALID"],
        [Buffer.from("[]"), "SHARDCAST_REQUEST_INVALID"],
        [Buffer.from("null"), "SHARDCAST_REQUEST_INVALID"],
        [Buffer.from('"text"'), "SHARDCAST_REQUEST_INVALID"],
        [Buffer.from("{}"), "SHARDCAST_REQUEST_INVALID"],
        [Buffer.from(`{"topic":5}`), "SHARDCAST_REQUEST_INVALID"],
        [Buffer.from(`{"topic":"$x"}`), "SHARDCAST_TOPIC_RESERVED"],
        [Buffer.from(`{"topic":""}`), "SHARDCAST_TOPIC_INVALID"],
        [Buffer.from(`{"topic":"x","payload":1}`), "SHARDCAST_REQUEST_INVALID"],
        [Buffer.from(`{"topic":"x","payloadBase64":"*"}`), "SHARDCAST_REQUEST_INVALID"],
        [Buffer.from(`{"topic":"x","payload":"","payloadBase64":""}`), "SHARDCAST_REQUEST_INVALID"],
        [Buffer.from(`{"topic":"x","messageId":""}`), "SHARDCAST_MESSAGE_ID_INVALID"],
        [Buffer.from(`{"topic":"x","attributes":{"":"a"}}`), "SHARDCAST_ATTRIBUTES_INVALID"],
        [Buffer.from(`{"topic":"x","timeoutMs":-1}`), "SHARDCAST_REQUEST_INVALID"],
        [good("x".repeat(MAX_PAYLOAD + 1)), "SHARDCAST_PAYLOAD_TOO_LARGE"],
        // The payload is rejected and not stored with U+FFFD: a node stores exactly what was sent,
        // or nothing.
        [
          Buffer.concat([good("a").subarray(0, -2), Buffer.from([0xff, 0x22, 0x7d])]),
          "SHARDCAST_REQUEST_INVALID",
        ],
        [Buffer.from("\ufeff{}"), "SHARDCAST_REQUEST_INVALID"],
        [good("last"), undefined],
      ];
      const body = Buffer.concat(lines.flatMap(([line]) => [line, Buffer.from("\n")]));
      const answers = await publishMany(body);
      expect(answers.map(({ code }) => code)).to.deep.equal(lines.map(([, code]) => code));
      for (const { code, detail } of answers) {
        if (code !== undefined) expect(detail).to.be.a("string").that.is.not.equal("");
      }
      const { messages } = await read(topic);
      expect(messages.map(({ payload }) => payload)).to.deep.equal(["first", "last"]);
    });

    it("has the fields of a publish, CRs at the ends of lines, and blank lines", async () => {
      const topic = topicOf("c2", "fields");
      const attributes = { "content-type": "text/plain", __proto__x: "1" };
      const line = {
        topic,
        payloadBase64: "AP8=",
        messageId: "m1",
        attributes,
        seq: 7,
        type: "ack",
      };
      const polluting = `{"topic":"${topic}","__proto__":{"isAdmin":true},"constructor":{"prototype":{"isAdmin":true}},"attributes":{"__proto__":"mine"}}`;
      const [first, second, ...more] = await publishMany(
        `\n \t\r\n${JSON.stringify(line)}\r\n\n${polluting}`,
      );
      expect(more).to.deep.equal([]);
      expect([first, second].map((answer) => answer?.["duplicate"])).to.deep.equal([false, false]);
      const [again] = await publishMany(JSON.stringify(line));
      expect(again).to.deep.equal({ ...first, duplicate: true });
      const { messages } = await read(topic);
      expect(messages[0]).to.deep.include({ messageId: "m1", payloadBase64: "AP8=", attributes });
      expect(Object.entries(messages[1]?.attributes ?? {})).to.deep.equal([["__proto__", "mine"]]);
    });

    it("refuses over 10,000 lines and 16 MiB as a whole, and stores nothing of them", async () => {
      const topic = topicOf("c1", "toomany");
      const line = `{"topic":"${topic}"}\n`;
      const over = [line.repeat(10_001), Buffer.alloc(16 * 1024 * 1024 + 1, line)];
      const codes: string[] = [];
      for (const body of over) {
        // When the node closes the connection after its answer, the answer can arrive before the
        // body is sent, and be lost.
        const headers = { ...KEY, connection: "keep-alive" };
        codes.push(problemOf(await ask(producer.httpUrl, "/produce", { body, headers })));
      }
      expect(codes).to.deep.equal([
        ...["400 SHARDCAST_REQUEST_INVALID", "413 SHARDCAST_PAYLOAD_TOO_LARGE"],
      ]);
      expect((await read(topic)).messages).to.deep.equal([]);
      // Blank lines are ignored, and their number does not affect memory use.
      const blank = await ask(producer.httpUrl, "/produce", {
        body: Buffer.alloc(8 * 1024 * 1024, "\n"),
        headers: KEY,
      });
      expect([blank.status, blank.text]).to.deep.equal([200, ""]);
    });
  });

  describe("GET /subscribe/:topic", () => {
    it("gives each message as an event whose id is its position, and lines of a payload as one", async () => {
      const topic = topicOf("c1", "events");
      const payloads = [
        "one",
        "two\nlines",
        "a\r\nb\rc\n\n",
        "data: x\n\nid: 5\n\n",
        "\u2028😀",
        "",
      ];
      // From the owner, and from a node that relays.
      const streams = [await follow(topic), await follow(topic, "", c2)];
      const positions: unknown[] = [];
      for (const payload of payloads) {
        positions.push(jsonOf(await publish(topic, payload))["position"]);
      }
      await publish(topic, Uint8Array.of(0xff, 0, 0x0a));
      for (const stream of streams) {
        await stream.count(payloads.length + 1);
        expect(stream.payloads).to.deep.equal([...payloads, undefined]);
        expect(stream.messages.at(-1)?.payloadBase64).to.equal("/wAK");
        const ids = stream.events.filter(({ data }) => data !== "").map(({ id }) => id);
        expect(ids).to.deep.equal(stream.messages.map(({ position }) => position));
        expect(ids.slice(0, -1)).to.deep.equal(positions);
        const { headers } = stream.response;
        expect(headers["content-type"]).to.equal("text/event-stream; charset=utf-8");
        expect([headers["cache-control"], headers["x-content-type-options"]]).to.deep.equal([
          ...["no-store", "nosniff"],
        ]);
      }
    });

    it("tells its place before the first message, and goes on from there at the other node", async () => {
      const topic = topicOf("c1", "resume");
      await publish(topic, "before");
      const first = await follow(topic);
      const { lastId } = await eventually("a place", () => (first.lastId === "" ? false : first));
      first.close();
      await publish(topic, "while away");
      const second = await follow(topic, "", c2, { "last-event-id": lastId });
      await second.count(1);
      expect(second.payloads).to.deep.equal(["while away"]);
      // The header takes precedence over the query, since a browser adds the header to the URL that
      // it was given.
      const query = `?lastEventId=${lastId}`;
      const third = await follow(topic, query, c1, { "last-event-id": second.lastId });
      const fourth = await follow(topic, query);
      await publish(topic, "later");
      await third.count(1);
      await fourth.count(2);
      expect([third.payloads, fourth.payloads]).to.deep.equal([["later"], ["while away", "later"]]);
    });

    it("starts where from says", async () => {
      const topic = topicOf("c2", "starts");
      const { position } = jsonOf(await publish(topic, "1"));
      for (const payload of ["2", "3"]) await publish(topic, payload);
      const cases: [string, string[]][] = [
        ["?from=earliest", ["1", "2", "3"]],
        ["?from=last:2", ["2", "3"]],
        ["?from=since:0", ["1", "2", "3"]],
        [`?from=${String(position)}`, ["2", "3"]],
        ["?lastEventId=&from=last:1", ["3"]],
      ];
      for (const [query, payloads] of cases) {
        const stream = await follow(topic, query);
        await stream.count(payloads.length);
        expect([query, stream.payloads]).to.deep.equal([query, payloads]);
      }
      const wrong = [
        "?from=x",
        "?from=",
        "?lastEventId=earliest",
        "?lastEventId=x",
        "?from=last:-1",
      ];
      for (const query of wrong) {
        expect(problemOf(await get(`/subscribe/x${query}`)), query).to.equal(
          "400 SHARDCAST_POSITION_INVALID",
        );
      }
      expect(problemOf(await get("/subscribe/x?from=live&from=live"))).to.equal(
        "400 SHARDCAST_REQUEST_INVALID",
      );
    });

    it("refuses topics that break the rules", async () => {
      const codes: string[] = [];
      for (const topic of ["a%00", "x".repeat(256), "%24other"]) {
        codes.push(problemOf(await get(`/subscribe/${topic}`)));
        codes.push(problemOf(await get(`/topics/${topic}`)));
        codes.push(problemOf(await get(`/topics/${topic}/messages`)));
      }
      expect(codes).to.deep.equal([
        ...Array<string>(6).fill("400 SHARDCAST_TOPIC_INVALID"),
        ...Array<string>(3).fill("403 SHARDCAST_TOPIC_RESERVED"),
      ]);
    });

    it("tells of messages that are not kept any more as a gap, with the id to go on from", async () => {
      const topic = topicOf("c1", "short/gap");
      const { position } = jsonOf(await publish(topic, "1"));
      for (let number = 2; number <= 9; number += 1) await publish(topic, `${number}`);
      const stream = await follow(topic, "", c2, { "last-event-id": String(position) });
      await stream.count(3);
      const [epoch = ""] = String(position).split("_");
      expect(await stream.first("gap")).to.deep.equal({ epoch, first: 2, last: 6 });
      expect(stream.events.find(({ event }) => event === "gap")?.id).to.equal(`${epoch}_6`);
      expect(stream.payloads).to.deep.equal(["7", "8", "9"]);
    });

    it("sends heartbeats that no client sees", async () => {
      const stream = await follow("quiet");
      await eventually("three heartbeats", () => stream.comments >= 3);
      expect(stream.messages).to.deep.equal([]);
    });

    it("counts as a link while it is open, and as none when its client has gone", async () => {
      const topic = topicOf("c1", "counted");
      const links = await c1.metric("links");
      const streams = await Promise.all(Array.from({ length: 20 }, () => follow(topic)));
      expect(await c1.metric("links")).to.equal(links + 20);
      for (const stream of streams) stream.close();
      await eventually("none of them is left", async () => (await c1.metric("links")) === links);
      expect(await c1.metric("subscriptions_lagging")).to.equal(0);
    });
  });

  describe("a stream whose reader is slow", () => {
    it("is bounded in memory, holds nobody up, and catches up", async function () {
      this.timeout(60_000);
      const topic = topicOf("c1", "slow");
      const size = 64 * 1024;
      const count = 300;
      const slow = await Promise.all(Array.from({ length: 20 }, () => follow(topic)));
      for (const { response } of slow) response.pause();
      const fast = await follow(topic, "", c2);
      await publish(topic, "0".padEnd(size, "."));
      await fast.count(1);
      const before = c1.residentKib;
      for (let first = 1; first < count; first += 100) {
        const numbers = Array.from({ length: Math.min(100, count - first) }, (_, n) => first + n);
        const lines = numbers.map((number) => ({ topic, payload: `${number}`.padEnd(size, ".") }));
        await publishMany(lines.map((line) => JSON.stringify(line)).join("\n"));
      }
      await fast.count(count);
      expect(await c1.metric("subscriptions_lagging")).to.equal(slow.length);
      // The log itself uses 19 MiB of it. Without a limit, 20 readers of 300 messages would use 375
      // MiB.
      expect(c1.residentKib - before).to.be.lessThan(150 * 1024);
      for (const { response } of slow) response.resume();
      for (const reader of slow) {
        await reader.count(count);
        expect(reader.payloads.map((payload) => parseInt(payload ?? "", 10))).to.deep.equal(
          Array.from({ length: count }, (_, number) => number),
        );
      }
    });
  });

  describe("GET /topics/:topic/messages", () => {
    it("gives thousands of messages page by page, at the owner and elsewhere", async () => {
      const topic = topicOf("c1", "pages");
      const numbers = Array.from({ length: 4321 }, (_, number) => number);
      const lines = numbers.map((number) => JSON.stringify({ topic, payload: `${number}` }));
      await publishMany(lines.join("\n"));
      for (const node of [c1, c2]) {
        const found: number[] = [];
        let query = "?limit=1000";
        for (;;) {
          const { messages, position, head, oldest, gap } = await read(topic, query, node);
          expect([head.split("_")[1], oldest.split("_")[1], gap]).to.deep.equal([
            ...["4321", "1", undefined],
          ]);
          found.push(...messages.map(({ payload }) => Number(payload)));
          if (messages.length === 0) break;
          query = `?limit=1000&after=${position}`;
        }
        expect(found).to.deep.equal(numbers);
      }
    });

    it("ends a page at 1 MiB, wherever its limit is", async () => {
      const topic = topicOf("c2", "wide");
      const count = 30;
      for (let number = 0; number < count; number += 1) {
        await publish(topic, `${number}`.padEnd(MAX_PAYLOAD, "\0"));
      }
      for (const node of [c1, c2]) {
        const found: number[] = [];
        let after = "earliest";
        while (found.length < count) {
          const { messages, position } = await read(topic, `?limit=1000&after=${after}`, node);
          expect(messages.length).to.be.within(1, 15);
          found.push(...messages.map(({ payload }) => parseInt(payload ?? "", 10)));
          after = position;
        }
        expect(found).to.deep.equal(Array.from({ length: count }, (_, number) => number));
      }
    });

    it("starts after what is asked for", async () => {
      const topic = topicOf("c2", "after");
      const { position } = jsonOf(await publish(topic, "1"));
      for (const payload of ["2", "3"]) await publish(topic, payload);
      const cases: [string, string[]][] = [
        ["", ["1", "2", "3"]],
        ["?after=earliest", ["1", "2", "3"]],
        ["?after=last:2", ["2", "3"]],
        ["?after=last:100&limit=1", ["1"]],
        ["?after=since:0&limit=2", ["1", "2"]],
        ["?after=since:99999999999999", []],
        [`?after=${String(position)}`, ["2", "3"]],
        ["?after=live", []],
      ];
      for (const node of [c1, c2]) {
        for (const [query, payloads] of cases) {
          const { messages } = await read(topic, query, node);
          expect([query, ...messages.map(({ payload }) => payload)]).to.deep.equal([
            ...[query, ...payloads],
          ]);
        }
      }
    });

    it("tells of the gap where what was asked for is not kept any more, or is of another epoch", async () => {
      const topic = topicOf("c1", "short/page");
      const { position } = jsonOf(await publish(topic, "1"));
      for (let number = 2; number <= 9; number += 1) await publish(topic, `${number}`);
      for (const node of [c1, c2]) {
        const page = await read(topic, `?after=${String(position)}`, node);
        expect(page.gap).to.deep.equal({ first: 2, last: 6 });
        expect(page.messages.map(({ payload }) => payload)).to.deep.equal(["7", "8", "9"]);
        const other = await read(topic, "?after=0123456789abcdef_4", node);
        expect(other.gap).to.deep.equal({ first: 1, last: 6 });
        expect(other.messages.length).to.equal(3);
      }
    });

    it("has nothing of a topic that nobody has used", async () => {
      const { messages, position, head } = await read("unused");
      expect(messages).to.deep.equal([]);
      expect(position).to.equal(head).and.match(/_0$/);
    });

    it("refuses limits and places that are none", async () => {
      for (const query of ["?limit=0", "?limit=1001", "?limit=x", "?limit=1&limit=2"]) {
        expect(problemOf(await get(`/topics/x/messages${query}`)), query).to.equal(
          "400 SHARDCAST_REQUEST_INVALID",
        );
      }
      expect(problemOf(await get("/topics/x/messages?after=x"))).to.equal(
        "400 SHARDCAST_POSITION_INVALID",
      );
    });
  });

  async function topics1000(node: NodeProcess): Promise<string[]> {
    return jsonOf(await get("/topics?limit=1000", node))["topics"] as string[];
  }

  describe("GET /topics", () => {
    it("lists the topics that a node owns, page by page", async () => {
      const names = Array.from({ length: 25 }, (_, number) => `list/${number}`);
      await publishMany(names.map((topic) => JSON.stringify({ topic })).join("\n"));
      const found: string[] = [];
      for (const node of [c1, c2]) {
        let after = "";
        do {
          const path = `/topics?limit=7&after=${encodeURIComponent(after)}`;
          const page = jsonOf(await get(path, node)) as { topics: string[]; next: string };
          expect(page.topics.length).to.be.at.most(7);
          found.push(...page.topics);
          after = page.next;
        } while (after !== "");
      }
      expect(found.filter((name) => name.startsWith("list/")).sort()).to.deep.equal(names.sort());
      expect(new Set(found).size).to.equal(found.length);
      // Every value of `after` is a valid position.
      for (const after of ["%00", "x".repeat(5000), "%F0%9F%98%80", "__proto__"]) {
        expect((await get(`/topics?after=${after}`)).status, after).to.equal(200);
      }
    });
  });

  describe("GET /topics/:topic", () => {
    it("tells where a topic stands and who owns it, at any node", async () => {
      const topic = topicOf("c2", "short/about");
      let position = "";
      for (const payload of ["1", "2", "3", "4", "5"]) {
        position = String(jsonOf(await publish(topic, payload))["position"]);
      }
      const [epoch = ""] = position.split("_");
      for (const node of [c1, c2]) {
        expect(jsonOf(await get(`/topics/${encodeURIComponent(topic)}`, node))).to.deep.equal({
          topic,
          owner: "c2",
          head: `${epoch}_5`,
          oldest: `${epoch}_3`,
        });
      }
    });
  });

  describe("GET /topics/:topic/presence", () => {
    it("lists who is on a topic, at any node", async () => {
      const topic = topicOf("c1", "room");
      const clients = await Promise.all(
        [c1, c2, c1].map(({ url }) => connect({ psk: TEST_PSK, url })),
      );
      for (const [index, client] of clients.entries()) {
        await client.presence(topic).enter({ user: "ann", info: `tab ${index}` });
      }
      for (const node of [c1, c2]) {
        const path = `/topics/${topic}/presence`;
        const whole = jsonOf(await get(path, node)) as unknown as PresencePage;
        expect(whole).to.include({ topic, count: 3, users: 1, next: 0 });
        const infos = whole.members.map(({ info }) => info);
        expect(infos).to.have.members(["tab 0", "tab 1", "tab 2"]);
        const part = jsonOf(await get(`${path}?limit=2`, node)) as unknown as PresencePage;
        const rest = jsonOf(
          await get(`${path}?limit=2&after=${part.next}`, node),
        ) as unknown as PresencePage;
        expect([...part.members, ...rest.members]).to.deep.equal(whole.members);
        expect(
          (jsonOf(await get(`${path}?limit=0`, node)) as unknown as PresencePage).members,
        ).to.deep.equal([]);
        expect(problemOf(await get(`${path}?limit=1001`, node))).to.equal(
          "400 SHARDCAST_REQUEST_INVALID",
        );
      }
      for (const client of clients) client.close();
      expect(problemOf(await get(`/topics/${"x".repeat(250)}/presence`))).to.equal(
        "400 SHARDCAST_TOPIC_INVALID",
      );
    });
  });

  describe("GET /openapi.json", () => {
    it("is valid OpenAPI 3.1, and has every route", async () => {
      const routes = new Map([
        [
          producer,
          [
            "get /cluster",
            "get /healthz",
            "get /metrics",
            "get /readyz",
            "post /produce",
            "post /produce/{topic}",
          ],
        ],
        [
          c1,
          [
            "get /cluster",
            "get /healthz",
            "get /metrics",
            "get /readyz",
            "get /subscribe/{topic}",
            "get /topics",
            "get /topics/{topic}",
            "get /topics/{topic}/messages",
            "get /topics/{topic}/presence",
          ],
        ],
      ]);
      for (const [node, expected] of routes) {
        const document = jsonOf(await get("/openapi.json", node));
        expect(document["openapi"]).to.equal("3.1.0");
        const { valid, errors } = await new Validator().validate(document);
        expect(valid, JSON.stringify(errors)).to.equal(true);
        const paths = document["paths"] as Record<string, Record<string, { summary?: string }>>;
        const found = Object.entries(paths).flatMap(([path, methods]) =>
          Object.keys(methods).map((method) => `${method} ${path}`),
        );
        expect(found.filter((route) => !route.startsWith("head ")).sort()).to.include.members(
          expected,
        );
        for (const methods of Object.values(paths)) {
          for (const { summary } of Object.values(methods)) expect(summary).to.be.a("string");
        }
      }
    });

    it("tells of each operation its name, who may ask, and what it answers", async () => {
      for (const node of [producer, c1]) {
        const { servers, paths, components } = await documentOf(node);
        expect(servers).to.deep.equal([{ url: "/" }]);
        const operations = Object.values(paths).flatMap((methods) => Object.values(methods));
        const names = operations.map(({ operationId = "" }) => operationId);
        for (const name of names) expect(name).to.match(/^[a-z]+[A-Za-z]*$/);
        expect(new Set(names).size).to.equal(names.length);
        for (const { operationId = "", security, responses } of operations) {
          expect(security, operationId).to.be.an("array");
          const schemes = (security ?? []).flatMap((each) => Object.keys(each));
          expect(components.securitySchemes).to.include.all.keys("token", ...schemes);
          expect(responses, operationId).to.include.all.keys("4XX", "5XX");
          for (const [status, { content }] of Object.entries(responses)) {
            if (status !== "204")
              expect(content, `${operationId} ${status}`).to.not.equal(undefined);
          }
        }
      }
    });

    it("tells what a client, an administrator and anybody has to give", async () => {
      const { paths } = await documentOf(c1);
      const client = [{ token: [] }, { webhookId: [], webhookTimestamp: [], webhookSignature: [] }];
      expect(paths["/topics/{topic}"]?.["get"]?.security).to.deep.equal(client);
      expect(paths["/links"]?.["get"]?.security).to.deep.equal([{ adminKey: [] }, { token: [] }]);
      expect(paths["/metrics"]?.["get"]?.security).to.deep.equal([]);
      const open = await cluster.producer({ args: { anonymous: "publish:*" } });
      const { paths: openPaths } = await documentOf(open);
      expect(openPaths["/produce"]?.["post"]?.security).to.deep.equal([...client, {}]);
    });

    it("tells the bodies that publish: any bytes, and lines of JSON", async () => {
      const { paths } = await documentOf(producer);
      const bodyOf = (path: string) => paths[path]?.["post"]?.requestBody?.content ?? {};
      expect(Object.keys(bodyOf("/produce/{topic}"))).to.deep.equal(["*/*"]);
      expect(Object.keys(bodyOf("/produce"))).to.deep.equal(["application/x-ndjson"]);
    });

    it("refers to nothing that it does not have", async () => {
      for (const node of [producer, c1]) {
        const document = await documentOf(node);
        const references = referencesOf(document);
        expect(references).to.include("#/components/schemas/Problem");
        for (const reference of references) {
          const [start, ...steps] = reference.split("/");
          expect(start).to.equal("#");
          let found: unknown = document;
          for (const step of steps) found = (found as Record<string, unknown>)[step];
          expect(found, reference).to.be.an("object");
        }
      }
    });

    async function documentOf(node: NodeProcess): Promise<OpenApi> {
      return jsonOf(await get("/openapi.json", node)) as unknown as OpenApi;
    }
  });
});

interface OpenApi {
  readonly servers?: readonly object[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly securitySchemes: object };
}

interface Operation {
  readonly operationId?: string;
  readonly security?: readonly object[];
  readonly requestBody?: { readonly content: object };
  readonly responses: Readonly<Record<string, { readonly content?: object }>>;
}

/** All references in a document. */
function referencesOf(value: unknown): string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, each]) =>
    key === "$ref" && typeof each === "string" ? [each] : referencesOf(each),
  );
}

interface Page {
  readonly messages: readonly {
    readonly position: string;
    readonly messageId?: string;
    readonly attributes?: Record<string, string>;
    readonly payload?: string;
    readonly payloadBase64?: string;
  }[];
  readonly position: string;
  readonly head: string;
  readonly oldest: string;
  readonly gap?: { readonly first: number; readonly last: number };
}

interface PresencePage {
  readonly members: readonly { readonly info: string }[];
  readonly next: number;
}
