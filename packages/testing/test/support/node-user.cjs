// A user's test for node:test, in CommonJS.
const { test } = require("node:test");
const { startCluster } = require("@shardcast/testing");

test("an application publishes", async () => {
  const cluster = await startCluster({ consumers: 2, producers: 1 });
  try {
    const client = await cluster.connect();
    await client.publish("news", "hello");
  } finally {
    await cluster.close();
  }
});
