// TLS on every listener and every link between nodes, with certificates made for the tests.
import { execFile } from "node:child_process";
import { once } from "node:events";
import { readdirSync, writeFileSync } from "node:fs";
import { get } from "node:https";
import { connect as connectTcp } from "node:net";
import { join } from "node:path";
import { connect as connectTls, type PeerCertificate } from "node:tls";
import { promisify } from "node:util";
import { expect } from "chai";
import { Certificates } from "@shardcast/e2e/certificates";
import { eventually } from "@shardcast/faults";
import { TEST_PSK, TestCluster, type NodeProcess } from "@shardcast/e2e/nodes";
import { describeWith } from "@shardcast/faults/testing";

const run = promisify(execFile);
const CLI = join("packages", "cli", "bin", "shardcast.js");

describeWith(["openssl"], "nodes with TLS", () => {
  let certificates: Certificates;
  let cluster: TestCluster;
  let consumer: NodeProcess;
  let tls: Readonly<Record<string, string>>;

  before(async function () {
    this.timeout(60_000);
    certificates = new Certificates();
    const { certFile, keyFile } = certificates;
    tls = { "tls-cert": certFile, "tls-key": keyFile };
    cluster = await TestCluster.plan(1, { args: tls });
    cluster.consumers = cluster.consumers.replace("ws://", "wss://");
    consumer = await cluster.consumer(1, { args: { log: "memory" } });
  });

  after(async () => {
    await cluster.stop();
    certificates.remove();
  });

  function readiness(node: NodeProcess): Promise<string> {
    return new Promise((resolve, reject) => {
      get(`${node.httpUrl}/readyz`, { ca: certificates.ca, agent: false }, (response) => {
        let text = `${String(response.statusCode)} `;
        response.setEncoding("utf8").on("data", (part: string) => (text += part));
        response.on("end", () => {
          resolve(text);
        });
      }).on("error", reject);
    });
  }

  async function publish(topic: string, text: string, ca: string): Promise<string> {
    const env = { ...process.env, PSK: TEST_PSK, NODE_EXTRA_CA_CERTS: ca };
    const args = [CLI, "publish", "--url", consumer.url, topic, text];
    return (await run(process.execPath, args, { env })).stdout.trim();
  }

  it("takes clients that know the authority, and none that cannot tell who the node is", async () => {
    expect(consumer.url).to.match(/^wss:/);
    expect(await publish("news", "hello", certificates.caFile)).to.match(/^[0-9a-f]{16}_1$/);
    const refused = await publish("news", "hello", "").then(
      () => "",
      (error: unknown) => String((error as { stderr?: string }).stderr),
    );
    expect(refused).to.match(/certificate/);
  });

  it("checks the other node's certificate on its own links", async () => {
    const trusting = await cluster.producer({ args: { "tls-ca": certificates.caFile } });
    await eventually("ready", async () => (await readiness(trusting)).startsWith("200"));
    const doubting = await cluster.producer();
    await eventually("it says why it is not ready", async () =>
      /^503 .*certificate/.test(await readiness(doubting)),
    );
  });

  it("serves a new certificate as soon as its files are there, and no half of one", async () => {
    expect(await servedBy(consumer)).to.equal("first");
    writeFileSync(certificates.certFile, "no certificate");
    await eventually("it says that it stays", () => consumer.stdout.includes("stays as it was"));
    expect(await servedBy(consumer)).to.equal("first");
    certificates.sign("second");
    await eventually("the new one", async () => (await servedBy(consumer)) === "second");
    expect(await publish("news", "hello again", certificates.caFile)).to.match(/_2$/);
  });

  it("lets nobody keep a connection whose handshake is not done, silent, slow or gone", async () => {
    const node = await cluster.start("producer", {
      args: { id: "p9", port: 0, "handshake-timeout": 300 },
    });
    const { hostname, port } = new URL(node.url);
    const descriptors = (): number => readdirSync(`/proc/${node.pid}/fd`).length;
    const before = descriptors();
    const sockets = await Promise.all(
      Array.from({ length: 30 }, async (_, index) => {
        const socket = connectTcp(Number(port), hostname);
        socket.on("error", () => undefined);
        await once(socket, "connect");
        // The first bytes of a handshake that never continues.
        if (index % 3 !== 0) socket.write(Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01]));
        if (index % 3 === 2) socket.end();
        return socket;
      }),
    );
    const trickle = setInterval(() => {
      for (const socket of sockets) if (socket.writable) socket.write(Buffer.alloc(1));
    }, 50);
    await eventually("all are closed", () => sockets.every((socket) => socket.closed));
    clearInterval(trickle);
    await eventually("the node has let go of them", () => descriptors() <= before);
    await node.stop("SIGTERM");
  });

  it("leads no client with TLS to an address without", async () => {
    const plain = cluster.consumers.replace("wss://", "ws://");
    const args = { id: "c1", log: "memory", port: 0, consumers: plain };
    const other = await cluster.start("consumer", { args });
    const env = { ...process.env, PSK: TEST_PSK, NODE_EXTRA_CA_CERTS: certificates.caFile };
    const url = other.url.replace("wss://", "https://");
    const refused = await run(process.execPath, [CLI, "publish", "--url", url, "t", "x"], {
      env,
    }).then(
      () => "",
      (error: unknown) => String((error as { stderr?: string }).stderr),
    );
    expect(refused).to.match(/ws:\/\/\S+ for its consumer c1.*--advertise.*OPTION_INVALID/s);
    await other.stop("SIGTERM");
  });

  it("tells nobody an address without", async () => {
    const shared = TestCluster.onRedis("redis://127.0.0.1:1");
    const args = { ...tls, id: "c1", port: 0, advertise: "ws://10.0.0.1:9100" };
    const node = shared.spawn("consumer", { args });
    await eventually("it ends", () => node.exitCode !== null);
    await shared.stop();
    expect(node.stderr).to.match(/--advertise: ws:.*without TLS.*OPTION_INVALID/);
  });

  it("does not start with a certificate and a key that do not belong together", async () => {
    const other = new Certificates();
    const node = cluster.spawn("producer", { args: { ...tls, port: 0, "tls-key": other.keyFile } });
    await node.stop();
    other.remove();
    expect([node.exitCode, node.stderr]).to.satisfy(
      ([code, text]: [number, string]) => code === 1 && /--tls-cert.*OPTION_INVALID/.test(text),
    );
  });
});

/** The name in the certificate that a node presents. */
function servedBy(node: NodeProcess): Promise<string> {
  const { hostname, port } = new URL(node.url);
  return new Promise((resolve, reject) => {
    const socket = connectTls({ host: hostname, port: Number(port), rejectUnauthorized: false });
    socket.once("error", reject);
    socket.once("secureConnect", () => {
      const { subject }: PeerCertificate = socket.getPeerCertificate();
      socket.destroy();
      resolve(String(subject.CN));
    });
  });
}
