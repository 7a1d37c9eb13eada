import { EventEmitter } from "node:events";
import type { ServerResponse } from "node:http";
import { ShardcastError } from "@shardcast/protocol";
import { expect } from "chai";
import { PageSlots } from "../../src/http/page-slots.ts";

class FakeResponse extends EventEmitter {
  isDestroyed = false;
  writableLength = 100;
  readonly socket = { bytesWritten: 100, writableLength: 100 };

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
    slots.take(first.asResponse, ["ann"]);
    slots.take(second.asResponse, ["bob"]);
    const third = (): void => slots.take(last.asResponse, ["cid"]);
    expect(third).to.throw(ShardcastError).with.property("code", "SHARDCAST_NODE_FULL");
    first.emit("close");
    third();
    expect(slots.count).to.equal(2);
    for (const response of [first, second, last]) response.emit("close");
    expect(slots.count).to.equal(0);
  });

  it("gives one user, and one address, a share, and leaves the rest to others", () => {
    const slots = new PageSlots({ maxPages: 16 });
    const responses: FakeResponse[] = [];
    const take = (...owners: string[]): void => {
      const response = new FakeResponse();
      slots.take(response.asResponse, owners);
      responses.push(response);
    };
    take("1.1.1.1", "ann");
    take("2.2.2.2", "ann");
    expect(() => take("3.3.3.3", "ann")).to.throw(ShardcastError, "may read 2 pages at once");
    take("1.1.1.1", "bob");
    expect(() => take("1.1.1.1", "cid")).to.throw(ShardcastError, "may read 2 pages at once");
    take("3.3.3.3", "cid");
    responses[0]?.emit("close");
    take("3.3.3.3", "ann");
    for (const response of responses) response.emit("close");
    expect(slots.count).to.equal(0);
  });

  it("ends one whose client does not take it", async () => {
    const slots = new PageSlots({ stallMs: 1 });
    const response = new FakeResponse();
    const isDestroyed = new Promise((resolve) => response.once("destroyed", resolve));
    slots.take(response.asResponse, ["ann"]);
    // The timer alone keeps no process alive.
    const alive = setInterval(() => undefined, 1000);
    await isDestroyed;
    clearInterval(alive);
    response.emit("close");
    expect(slots.count).to.equal(0);
  });
});
