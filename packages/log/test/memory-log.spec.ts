import { expect } from "chai";
import { MemoryLog } from "../src/memory-log.ts";
import { RetentionRules } from "../src/retention.ts";
import { batchOf, offsetsOf } from "./support/batches.ts";
import { describeLog } from "./support/describe-log.ts";

const MANY = 1_000_000_000;

describeLog("memory", ({ retention, now }) =>
  Promise.resolve(new MemoryLog({ retention: new RetentionRules(retention), now, maxBytes: MANY })),
);

describe("MemoryLog", () => {
  it("holds all topics together within its bytes: who appends gives up its oldest", () => {
    const one = batchOf(1, 1).bytes;
    const retention = new RetentionRules({ count: MANY, bytes: MANY, ageMs: MANY });
    const log = new MemoryLog({ retention, maxBytes: 5 * one, now: () => 1000 });
    const quiet = log.open("quiet");
    quiet.append(batchOf(1, 1));
    const busy = log.open("busy");
    for (let offset = 1; offset <= 20; offset += 1) busy.append(batchOf(offset, offset));
    expect(log.bytes).to.be.at.most(5 * one + batchOf(20, 20).bytes);
    expect(offsetsOf(quiet.read(0, MANY))).to.deep.equal([1]);
    expect(busy.head).to.equal(20);
  });

  it("gives many readers of one page the same bytes", () => {
    const retention = new RetentionRules({ count: MANY, bytes: MANY, ageMs: MANY });
    const log = new MemoryLog({ retention, maxBytes: MANY, now: () => 1000 }).open("news");
    log.append(batchOf(1, 2));
    log.append(batchOf(3, 4));
    const page = log.read(1, MANY);
    expect(log.read(1, MANY)).to.equal(page);
    log.append(batchOf(5, 5));
    expect(offsetsOf(log.read(1, MANY))).to.deep.equal([2, 3, 4, 5]);
  });

  it("frees the bytes of what it trims", () => {
    const retention = new RetentionRules({ count: 10, bytes: MANY, ageMs: MANY });
    const log = new MemoryLog({ retention, maxBytes: MANY, now: () => 1000 });
    const topic = log.open("news");
    for (let offset = 1; offset <= 1000; offset += 1) topic.append(batchOf(offset, offset));
    expect(log.bytes).to.equal(batchOf(991, 1000).bytes);
  });
});
