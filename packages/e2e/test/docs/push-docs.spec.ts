// Runs the receiver of docs/push.md unchanged: it accepts everything published, and no topic is
// blocked.
import { connect, type Client } from "@shardcast/client";
import { expect } from "chai";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { eventually, spawnTied } from "@shardcast/faults";
import { TEST_PSK, TestCluster } from "@shardcast/e2e/nodes";

const ADMIN_KEY = "the-key-of-administrators";
// Inside the package, so that libraries resolve as in a user's program.
const FOLDER = join("packages", "demo", "node_modules", ".push-docs");

describe("docs/push.md", () => {
  let cluster: TestCluster;
  let client: Client | undefined;

  before(async () => {
    const args = { "push-allow": "127.0.0.0/8", "push-allow-http": true } as const;
    cluster = await TestCluster.plan(1, { args: { ...args, "admin-key": ADMIN_KEY } });
    mkdirSync(FOLDER, { recursive: true });
  });

  after(async () => {
    client?.close();
    rmSync(FOLDER, { recursive: true, force: true });
    await cluster.stop();
  });

  it("has a receiver that takes every message that is signed, and no other", async () => {
    const code = /```js\n([\s\S]*?)```/.exec(readFileSync("docs/push.md", "utf8"))?.[1] ?? "";
    const port = "listen(0, function () { console.log(`port ${this.address().port}`); })";
    expect(code).to.include("listen(3000)");
    const file = join(FOLDER, "receiver.mjs");
    writeFileSync(file, code.replace("listen(3000)", port));
    const secret = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;
    const receiver = spawnTied(process.execPath, [file], {
      env: { ...process.env, SECRET: secret },
      stdio: ["ignore", "pipe", "inherit"],
    });
    let said = "";
    receiver.stdout?.setEncoding("utf8").on("data", (text: string) => (said += text));
    try {
      const at = await eventually("it listens", () => /^port (\d+)$/m.exec(said)?.[1]);
      const url = `http://127.0.0.1:${at}/hook`;
      const unsigned = await fetch(url, { method: "POST", body: "{}" });
      expect(unsigned.status).to.equal(401);

      const node = await cluster.consumer(1);
      const answer = await fetch(`${node.httpUrl}/push/shop`, {
        method: "PUT",
        headers: { authorization: `Bearer ${ADMIN_KEY}`, "content-type": "application/json" },
        body: JSON.stringify({ topics: ["orders/*"], url, secret, retryMs: [60_000] }),
      });
      expect(answer.status, await answer.text()).to.equal(200);

      client = await connect({ psk: TEST_PSK, url: node.url, route: "single" });
      await client.publish("orders/7", "no JSON");
      await client.publish("orders/7", Uint8Array.of(0xff, 0xfe, 0));
      await client.publish("orders/7", { id: 7 });
      // Deliveries of a topic are in order, so the last arrives only if all before it were
      // accepted.
      await eventually("the last one comes", () => said.includes("orders/7 { id: 7 }"));
      expect(said).to.include("orders/7 is not JSON: no JSON");
    } finally {
      receiver.kill();
    }
  });
});
