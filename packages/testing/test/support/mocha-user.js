// A user's test for mocha, which is run without --exit.
/* global after, before, describe, it */
import { startCluster } from "@shardcast/testing";

describe("an application", () => {
  let cluster;

  before(async () => (cluster = await startCluster({ consumers: 2, producers: 1 })));
  after(() => cluster.close());

  it("publishes", async () => {
    const client = await cluster.connect();
    await client.publish("news", "hello");
  });
});
