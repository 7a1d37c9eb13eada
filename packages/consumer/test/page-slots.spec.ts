import { EventEmitter } from "node:events";
import type { ServerResponse } from "node:http";
import { ShardcastError } from "@shardcast/protocol";
import { expect } from "chai";
import { PageSlots } from "../src/http/page-slots.ts";

class FakeResponse extends EventEmitter {
  isDestroyed = false;

  destroy(): void {
    this.isDestroyed = true;
    this.emit("destroyed");
  }

  get asResponse(): ServerResponse {
    return this as unknown as ServerResponse;
  }
}

describe("PageSlots", () => {
  it("refuses one page too many, until another has left", () => {
    const slots = new PageSlots({ maxPages: 2 });
    const [first, second, last] = [new FakeResponse(), new FakeResponse(), new FakeResponse()];
    slots.take(first.asResponse);
    slots.take(second.asResponse);
    const third = (): void => slots.take(last.asResponse);
    expect(third).to.throw(ShardcastError).with.property("code", "SHARDCAST_NODE_FULL");
    first.emit("close");
    third();
    expect(slots.count).to.equal(2);
    for (const response of [first, second, last]) response.emit("close");
    expect(slots.count).to.equal(0);
  });

  it("ends one whose client does not take it", async () => {
    const slots = new PageSlots({ sendMs: 1 });
    const response = new FakeResponse();
    const isDestroyed = new Promise((resolve) => response.once("destroyed", resolve));
    slots.take(response.asResponse);
    // The timer alone keeps no process alive.
    const alive = setInterval(() => undefined, 1000);
    await isDestroyed;
    clearInterval(alive);
    response.emit("close");
    expect(slots.count).to.equal(0);
  });
});
