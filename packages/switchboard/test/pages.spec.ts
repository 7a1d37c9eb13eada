// The routes for people, load balancers and Prometheus, with and without a cluster and a back end.
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { createServer as createTcpServer, type AddressInfo } from "node:net";
import { expect } from "chai";
import { BackEnd } from "../src/back-end.ts";
import { frontPage } from "../src/front-page.ts";
import { apiAuthPost, post } from "./support/signed-post.ts";
import { SwitchboardBench, type SwitchboardProcess } from "./support/switchboard-process.ts";
import { UserSocket } from "./support/user-socket.ts";

const VERSION_OPTIONS = { timeoutMs: 300, cacheMs: 60_000 };

describe("the pages of a switchboard", () => {
  let bench: SwitchboardBench;
  let node: SwitchboardProcess;

  before(async function () {
    this.timeout(60_000);
    bench = await SwitchboardBench.start();
    node = await bench.switchboard();
  });
  after(async function () {
    this.timeout(60_000);
    await bench.stop();
  });

  it("tell the version of the back end, or that it is not there, by 200", async () => {
    const response = await fetch(node.url);
    expect(response.status).to.equal(200);
    expect(response.headers.get("content-type")).to.equal("text/html; charset=utf-8");
    expect(await response.text()).to.contain("Concierge Version: 0.0.0-stand-in");
    bench.concierge.isDown = true;
    const other = await bench.switchboard();
    bench.concierge.isDown = false;
    const nowhere = await bench.switchboard({
      CONCIERGE_URL: "http://127.0.0.1:1/incoming/postback",
    });
    bench.concierge.isDown = true;
    for (const { url } of [other, nowhere]) {
      const page = await fetch(url);
      expect(page.status).to.equal(200);
      expect(await page.text()).to.contain("Concierge Version: 😵 Unavailable 😵");
    }
    bench.concierge.isDown = false;
    await Promise.all([other.stop(), nowhere.stop()]);
  });

  it("serve the client, under a policy by which nothing else runs", async () => {
    for (const path of ["", "client.js", "frame-view.js", "style.css"]) {
      const response = await fetch(`${node.url}/client/${path}`);
      expect(response.status).to.equal(200);
      const policy = response.headers.get("content-security-policy") ?? "";
      expect(policy).to.contain("default-src 'none'").and.contain("script-src 'self';");
      expect(policy).to.not.match(/unsafe|\*/);
      expect(response.headers.get("x-content-type-options")).to.equal("nosniff");
      expect(await response.text()).to.have.length.above(100);
    }
    expect((await fetch(`${node.url}/client`, { redirect: "manual" })).status).to.equal(302);
  });

  it("tell that it is ready, and what was counted", async () => {
    expect((await fetch(`${node.url}/healthz`)).status).to.equal(200);
    expect(await (await fetch(`${node.url}/readyz`)).json()).to.deep.equal({
      status: "ready",
      waitingFor: [],
    });
    const metrics = await (await fetch(`${node.url}/metrics`)).text();
    expect(metrics).to.contain("shardcast_switchboard_sockets 0");
    expect(metrics).to.contain("shardcast_switchboard_cluster_connected 1");
  });

  it("are there without a cluster, and nothing else is", async () => {
    const nobody = "ws://127.0.0.1:1";
    const alone = bench.spawn({ SHARDCAST_PRODUCERS: nobody, SHARDCAST_CONSUMERS: nobody });
    await alone.listening();
    expect((await fetch(alone.url)).status).to.equal(200);
    expect((await fetch(`${alone.url}/healthz`)).status).to.equal(200);
    const ready = await fetch(`${alone.url}/readyz`);
    expect(ready.status).to.equal(503);
    expect(await UserSocket.dial(alone.url, {}).closed()).to.equal(1006);
    const to = "00000000-0000-4000-8000-000000000000";
    expect((await post(alone.url, apiAuthPost({ to }))).status).to.equal(503);
    expect((await post(alone.url, { headers: {}, body: "" })).status).to.equal(401);
    await alone.stop();
    expect(alone.exitCode).to.equal(0);
  });

  it("are not there where an option is not valid: one line says why", async () => {
    const wrong: [Record<string, string>, RegExp][] = [
      [{ PSK: "another key of the tests" }, /SHARDCAST_HANDSHAKE_FAILED/],
      [{ SWITCHBOARD_RATE: "0x10" }, /--rate \(SWITCHBOARD_RATE\) must be a whole number/],
      [{ SWITCHBOARD_PORT: String(node.port) }, /SHARDCAST_PORT_TAKEN/],
    ];
    for (const [env, reason] of wrong) {
      const failed = bench.spawn(env);
      await once(failed.child, "close");
      expect(failed.exitCode).to.equal(1);
      expect(failed.stderr)
        .to.match(reason)
        .and.match(/^shardcast-switchboard: .*\n$/);
    }
    const helped = bench.spawn({}, ["--help"]);
    await once(helped.child, "close");
    expect([helped.exitCode, helped.stdout.includes("--concierge-url")]).to.deep.equal([0, true]);
  });
});

describe("the front page", () => {
  it("escapes what the back end says", () => {
    const page = frontPage(`<script>alert("1")</script>&'`);
    expect(page).to.contain("&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;&#39;");
    expect(page).to.not.contain("<script>");
  });
});

describe("the back end's version", () => {
  const servers: Server[] = [];

  async function serverThat(answer: Parameters<typeof createServer>[1]): Promise<string> {
    const server = createServer(answer).listen(0, "127.0.0.1");
    servers.push(server);
    await once(server, "listening");
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  afterEach(() => {
    for (const server of servers.splice(0)) server.close().closeAllConnections();
  });

  it("is asked for at the base, whichever URL was given", async () => {
    const asked: unknown[] = [];
    const base = await serverThat((request, response) => {
      asked.push(request.url);
      response.end("1.2.3\n");
    });
    for (const url of [
      base,
      `${base}/`,
      `${base}/incoming/postback`,
      `${base}/incoming/postback/`,
    ]) {
      const backEnd = new BackEnd(url, VERSION_OPTIONS);
      expect(backEnd.postbackUrl).to.equal(`${base}/incoming/postback`);
      expect(await backEnd.version()).to.equal("1.2.3");
    }
    expect(asked).to.deep.equal(["/version", "/version", "/version", "/version"]);
  });

  it("is asked for once, however many want to know", async () => {
    let count = 0;
    const base = await serverThat((_request, response) => {
      count += 1;
      response.end('{"version":"4"}');
    });
    const backEnd = new BackEnd(base, VERSION_OPTIONS);
    expect(await Promise.all([1, 2, 3].map(() => backEnd.version()))).to.deep.equal([
      "4",
      "4",
      "4",
    ]);
    expect(count).to.equal(1);
  });

  it("is unknown where the answer is none, is late, or never ends", async () => {
    const status = await serverThat((_request, response) => response.writeHead(500).end("x"));
    const silent = await serverThat(() => undefined);
    expect(await new BackEnd(status, VERSION_OPTIONS).version()).to.equal(undefined);
    expect(await new BackEnd(silent, VERSION_OPTIONS).version()).to.equal(undefined);
    expect(await new BackEnd("http://127.0.0.1:1", VERSION_OPTIONS).version()).to.equal(undefined);
    const endless = await serverThat((_request, response) => {
      const write = (): boolean => response.write("v".repeat(1000));
      const timer = setInterval(write, 1);
      response.on("close", () => clearInterval(timer));
    });
    expect(await new BackEnd(endless, VERSION_OPTIONS).version()).to.equal("v".repeat(100));
    const junk = createTcpServer((socket) => socket.end("junk")).listen(0, "127.0.0.1");
    await once(junk, "listening");
    const url = `http://127.0.0.1:${(junk.address() as AddressInfo).port}`;
    expect(await new BackEnd(url, VERSION_OPTIONS).version()).to.equal(undefined);
    junk.close();
  });
});
