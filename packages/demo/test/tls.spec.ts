// TLS on every listener and every link between nodes, with certificates of the tests' own.
import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { get } from "node:https";
import { join } from "node:path";
import { connect as connectTls, type PeerCertificate } from "node:tls";
import { promisify } from "node:util";
import { expect } from "chai";
import { Certificates } from "./support/certificates.ts";
import { eventually } from "./support/eventually.ts";
import { TEST_PSK, TestCluster, type NodeProcess } from "./support/nodes.ts";

const run = promisify(execFile);
const CLI = join("packages", "cli", "bin", "shardcast.js");

describe("nodes with TLS", () => {
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

/** The name in the certificate that a node shows. */
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
