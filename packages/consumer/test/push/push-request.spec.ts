import type { MessageFrame } from "@shardcast/protocol";
import { WebhookKeys, verifyWebhook } from "@shardcast/webhooks";
import { expect } from "chai";
import { deadLetterOf, isDeadLetter } from "../../src/push/dead-letter.ts";
import { pushHeaders } from "../../src/push/push-request.ts";

const keys = new WebhookKeys([`whsec_${Buffer.alloc(32, 1).toString("base64")}`]);
const PLACE = { topic: "a/b ✓", position: "0123456789abcdef_7" };

function messageOf(fields: Partial<MessageFrame> = {}): MessageFrame {
  const payload = Buffer.from("hello");
  return { type: "message", topicId: 1, offset: 7, time: 1, payload, ...fields };
}

function headersOf(message: MessageFrame, attempt = 1): Record<string, string> {
  return pushHeaders(message, { ...PLACE, attempt, timestampS: 1_700_000_000, keys });
}

describe("pushHeaders", () => {
  it("signs the payload as it is", () => {
    const message = messageOf();
    const headers = headersOf(message);
    const received = { headers, body: message.payload, nowMs: 1_700_000_000_000 };
    expect(verifyWebhook(received, keys).type).to.equal("valid");
    expect(headers["shardcast-topic"]).to.equal("a%2Fb%20%E2%9C%93");
    expect(headers["shardcast-position"]).to.equal(PLACE.position);
  });

  it("gives each message an id that stays the same at every attempt", () => {
    const first = headersOf(messageOf());
    expect(headersOf(messageOf(), 2)["webhook-id"]).to.equal(first["webhook-id"]);
    expect(headersOf(messageOf(), 2)["shardcast-attempt"]).to.equal("2");
    expect(headersOf(messageOf({ messageId: "order-1" }))["webhook-id"]).to.equal("order-1");
    for (const messageId of ["order.1", "größe", "a b"]) {
      expect(headersOf(messageOf({ messageId }))["webhook-id"]).to.equal(first["webhook-id"]);
    }
  });

  it("lets no attribute become a header of another kind", () => {
    const attributes = {
      ...{ "content-type": "text/x\u2028y", host: "evil", "webhook-id": "x", "a b": "x" },
      ...{ "x:y": "z", line: "a\u00a0b", __proto__: "x" },
    };
    const headers = headersOf(messageOf({ attributes }));
    expect(headers["content-type"]).to.equal("text/plain; charset=utf-8");
    expect(headers).not.to.have.property("host");
    expect(headers["shardcast-attribute-host"]).to.equal("evil");
    expect(headers["shardcast-attribute-line"]).to.equal("a%C2%A0b");
    for (const [name, value] of Object.entries(headers)) {
      expect(name).to.match(/^[a-z0-9_-]+$/);
      expect(value).to.match(/^[\x20-\x7e]+$/);
    }
  });

  it("leaves out attributes that no server would take", () => {
    const names = Array.from({ length: 15 }, (_, index) => `name-${index}`);
    const attributes = Object.fromEntries(names.map((name) => [name, "✓".repeat(85)]));
    const headers = headersOf(messageOf({ attributes }));
    const bytes = Object.entries(headers).reduce((sum, [a, b]) => sum + a.length + b.length, 0);
    expect(bytes).to.be.lessThan(6000);
  });
});

describe("deadLetterOf", () => {
  const letter = { ...PLACE, subscription: "shop", attempts: 3, reason: "no ✓\u0007".repeat(100) };

  it("tells where it came from, within what attributes may have", () => {
    const names = Array.from({ length: 16 }, (_, index) => `name-${index}`);
    const attributes = Object.fromEntries(names.map((name) => [name, "x"]));
    const dead = deadLetterOf(messageOf({ attributes }), "dead-letter/shop", letter);
    const entries = Object.entries(dead.attributes ?? {});
    expect(entries.length).to.equal(16);
    for (const [, value] of entries) expect(Buffer.byteLength(value)).to.be.at.most(255);
    expect(dead.attributes?.["shardcast-origin-topic"]).to.equal(PLACE.topic);
    expect(dead.attributes?.["shardcast-reason"]).not.to.include("\u0007");
    expect(isDeadLetter(messageOf({ attributes: dead.attributes ?? {} }))).to.equal(true);
    expect(isDeadLetter(messageOf({ attributes }))).to.equal(false);
  });

  it("has one id for one message of one subscription", () => {
    const idOf = (changed: object): string | undefined =>
      deadLetterOf(messageOf(), "x", { ...letter, ...changed }).messageId;
    expect(idOf({ attempts: 9, reason: "" })).to.equal(idOf({}));
    expect(idOf({ subscription: "other" })).not.to.equal(idOf({}));
    expect(idOf({ position: "0123456789abcdef_8" })).not.to.equal(idOf({}));
  });
});
