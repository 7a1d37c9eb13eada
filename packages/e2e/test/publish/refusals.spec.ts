// The refusals that a client receives: a code for programs, and a message for people.
import { ERRORS, SUBPROTOCOLS, isErrorCode, type Frame } from "@shardcast/protocol";
import { expect } from "chai";
import { eventually } from "@shardcast/faults";
import { TEST_PSK, TestCluster, type NodeProcess } from "@shardcast/e2e/nodes";
import { V1Socket } from "@shardcast/e2e/v1-socket";

const API_KEY = "the-key-of-back-ends";
const SMALL = 1000;
const PAYLOAD = Buffer.from("x");
const LIVE = { type: "live" } as const;

/** Frames that are refused, each with its expected code. */
const REFUSED: readonly (readonly [string, Frame])[] = [
  ["SHARDCAST_TOPIC_RESERVED", publish("$own", PAYLOAD)],
  ["SHARDCAST_PAYLOAD_TOO_LARGE", publish("news", Buffer.alloc(SMALL + 1))],
  ["SHARDCAST_TOPIC_RESERVED", { type: "subscribe", sub: 1, topic: "$own", from: LIVE }],
  [
    "SHARDCAST_MEMBER_INVALID",
    { type: "enter", seq: 3, topic: "news", memberId: "", user: "", info: "" },
  ],
  ["SHARDCAST_TOPIC_RESERVED", { type: "presence", seq: 4, topic: "$own", after: 0, limit: 1 }],
];

function publish(topic: string, payload: Uint8Array): Frame {
  return { type: "publish", seq: 1, timeoutMs: 0, topic, payload };
}

describe("a refusal", () => {
  let cluster: TestCluster;
  let node: NodeProcess;

  before(async () => {
    cluster = await TestCluster.plan(1, { args: { "max-payload": SMALL, "api-key": API_KEY } });
    node = await cluster.consumer(1);
  });

  after(() => cluster.stop());

  for (const subprotocol of Object.values(SUBPROTOCOLS)) {
    it(`has a code and a reason, over ${subprotocol}`, async () => {
      for (const [code, frame] of REFUSED) {
        const options = { endpoint: "connect", subprotocol } as const;
        const link = await V1Socket.openWith(node.url, TEST_PSK, options);
        link.send(frame);
        const answer = await eventually(`an answer to ${frame.type}`, () =>
          link.frames.find(({ type }) => type === "reject" || type === "unsubscribed"),
        );
        if (answer.type !== "reject" && answer.type !== "unsubscribed")
          throw new Error("no answer");
        expect(answer.code, frame.type).to.equal(code);
        expect(answer.reason, frame.type).to.match(/^[a-z0-9].* .*[^.]$/);
        link.socket.close();
      }
    });
  }

  it("names the limit where a payload is over it", async () => {
    const link = await V1Socket.openWith(node.url, TEST_PSK, { endpoint: "connect" });
    link.send(publish("news", Buffer.alloc(SMALL + 1)));
    expect((await link.first("reject")).reason).to.equal("1000 bytes are the limit");
    link.socket.close();
  });

  it("has a reason where a subscription is refused, and none where its client ended it", async () => {
    const link = await V1Socket.openWith(node.url, TEST_PSK, { endpoint: "connect" });
    link.send({ type: "subscribe", sub: 1, topic: "news", from: LIVE });
    await link.first("subscribed");
    link.send({ type: "subscribe", sub: 2, topic: "news", from: LIVE });
    const { code, reason } = await link.first("unsubscribed");
    expect([code, reason]).to.deep.equal([
      "SHARDCAST_SUBSCRIPTION_EXISTS",
      ERRORS.SHARDCAST_SUBSCRIPTION_EXISTS.message,
    ]);
    link.send({ type: "unsubscribe", sub: 1 });
    await eventually("the end of it", () =>
      link.frames.some((frame) => frame.type === "unsubscribed" && frame.sub === 1),
    );
    const end = link.frames.find((frame) => frame.type === "unsubscribed" && frame.sub === 1);
    expect(end).to.include({ code: "", reason: "" });
    link.socket.close();
  });

  it("has a code and a detail over HTTP", async () => {
    const answers = await Promise.all(
      ["/produce/%24own", "/produce/"].map((path) =>
        fetch(`${node.httpUrl}${path}`, {
          method: "POST",
          headers: { authorization: `Bearer ${API_KEY}`, "content-type": "text/plain" },
          body: "x",
        }),
      ),
    );
    for (const answer of answers) {
      const { code, detail } = (await answer.json()) as { code: string; detail: string };
      expect(isErrorCode(code), code).to.equal(true);
      expect(detail).to.match(/\w \w/);
    }
  });
});
