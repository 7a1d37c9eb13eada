// A user's test for mocha, which is run without --exit.
/* global after, before, describe, it */
import { startCluster } from "@shardcast/testing";

describe("an application", function () {
  // mocha's 2 s are too few on a busy machine.
  this.timeout(30_000);
  let cluster;

  before(async () => (cluster = await startCluster({ consumers: 2, producers: 1 })));
  after(() => cluster.close());

  it("publishes", async () => {
    const client = await cluster.connect();
    await client.publish("news", "hello");
  });
});
