// WebSocket messages that never end, at a real node: the memory that they use is bounded.
import type { Socket } from "node:net";
import { expect } from "chai";
import { SignJWT } from "jose";
import { eventually } from "@shardcast/faults";
import { TestCluster, type NodeProcess } from "@shardcast/e2e/nodes";
import { V1Socket } from "@shardcast/e2e/v1-socket";

const SECRET = "the secret of the tests, which is long enough";
const MEBIBYTE = 1024 * 1024;
const MESSAGE_BYTES = 800_000;
const PART_BYTES = 600_000;
const FULL = "4002 SHARDCAST_NODE_FULL";

describe("WebSocket messages that are not whole", () => {
  let cluster: TestCluster;
  let node: NodeProcess;

  before(async () => {
    cluster = await TestCluster.plan(1);
    const args = {
      log: "memory",
      "token-secret": SECRET,
      "trusted-hops": 1,
      "max-payload": 100_000,
      "max-unfinished-bytes": 3 * MEBIBYTE,
      "max-unfinished-bytes-each": MEBIBYTE,
    };
    node = await cluster.consumer(1, { args });
  });
  after(() => cluster.stop());

  async function linkOf(user: string, address: string): Promise<V1Socket> {
    const headers = { "x-forwarded-for": address };
    const link = await V1Socket.open(node.url, { endpoint: "connect", headers });
    const token = await new SignJWT({ caps: [{ topics: ["*"], allow: ["publish"] }] })
      .setProtectedHeader({ alg: "HS256" })
      .setSubject(user)
      .setExpirationTime("1 hour")
      .sign(new TextEncoder().encode(SECRET));
    link.send({ type: "token", token });
    await link.first("welcome");
    return link;
  }

  /** Starts a message without sending its end. */
  function begin(link: V1Socket): void {
    const head = Buffer.alloc(14);
    head.writeUInt8(0x82, 0);
    head.writeUInt8(0xff, 1);
    head.writeBigUInt64BE(BigInt(MESSAGE_BYTES), 2);
    const tcp = (link.socket as unknown as { readonly _socket: Socket })._socket;
    tcp.write(Buffer.concat([head, Buffer.alloc(PART_BYTES)]));
  }

  const held = (): Promise<number> => node.metric("links_unfinished_bytes");

  it("of one user, and of one address, take no more than its share, and leave the rest to others", async () => {
    const ann = await linkOf("ann", "10.0.0.1");
    begin(ann);
    await eventually("it is counted", async () => (await held()) >= PART_BYTES);
    const refused = [await linkOf("ann", "10.0.0.2"), await linkOf("bob", "10.0.0.1")];
    for (const link of refused) {
      begin(link);
      expect((await link.closed()).startsWith(FULL)).to.equal(true);
    }
    const bob = await linkOf("bob", "10.0.0.3");
    begin(bob);
    await eventually("both are counted", async () => (await held()) >= 2 * PART_BYTES);
    expect([ann.isOpen, bob.isOpen]).to.deep.equal([true, true]);
    expect(await held()).to.be.at.most(2 * MEBIBYTE);
    for (const link of [ann, bob]) link.end();
    await eventually("nothing is held", async () => (await held()) === 0);
  });

  it("count until they are whole", async () => {
    const link = await linkOf("cid", "10.0.0.4");
    begin(link);
    await eventually("it is counted", async () => (await held()) >= PART_BYTES);
    const tcp = (link.socket as unknown as { readonly _socket: Socket })._socket;
    tcp.write(Buffer.alloc(MESSAGE_BYTES - PART_BYTES));
    await eventually("nothing is held", async () => (await held()) === 0);
    link.end();
  });

  it("are all together no more than the node has room for", async () => {
    const links: V1Socket[] = [];
    for (let number = 1; number <= 8; number += 1) {
      const link = await linkOf(`user ${number}`, `10.0.1.${number}`);
      links.push(link);
      begin(link);
    }
    await eventually("some are refused", () => links.some(({ isOpen }) => !isOpen));
    expect(await held()).to.be.at.most(3 * MEBIBYTE);
    expect(links.filter(({ isOpen }) => isOpen).length).to.be.greaterThan(2);
    for (const link of links) link.end();
  });
});
