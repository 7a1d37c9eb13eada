// The commands that read, against a real cluster.
import { connect } from "@shardcast/client";
import { expect } from "chai";
import { readFileSync } from "node:fs";
import { Command, TempFolder, UpCommand } from "./support.ts";

const ADMIN_KEY = "an admin key of the tests";
const API_KEY = "an API key of the tests";

describe("commands that read", () => {
  const folder = new TempFolder();
  let cluster: UpCommand;
  let env: Readonly<Record<string, string>>;

  before(async () => {
    const keys = { SHARDCAST_ADMIN_KEY: ADMIN_KEY, SHARDCAST_API_KEY: API_KEY };
    cluster = await new UpCommand(folder.join("data"), [], keys).ready();
    env = { SHARDCAST_URL: cluster.urls("consumers")[0] ?? "" };
    for (const topic of ["news", "a\u202eb", "orders/1", "orders/2"]) {
      await run("publish", topic, "one", "t\u001b[31mwo", "three");
    }
  });

  after(async () => {
    await cluster.stop();
    folder.remove();
  });

  /** Runs in the folder with the files of keys. */
  function run(...args: string[]): Promise<Command> {
    return new Command(args, env, folder.path).end();
  }

  function linesOf({ stdout, stderr }: Command): string[] {
    expect(stderr).to.equal("");
    return stdout.split("\n").slice(0, -1);
  }

  function objectsOf(command: Command): Record<string, unknown>[] {
    return linesOf(command).map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  describe("messages", () => {
    it("prints the newest messages as a table, without control characters", async () => {
      const command = await run("messages", "news", "--limit", "2");
      const [header, two, three, ...rest] = linesOf(command);
      expect(command.exitCode).to.equal(0);
      expect(header).to.equal("TIME                      POSITION                MESSAGE");
      expect(two).to.match(/^\d{4}-\S+Z {2}[0-9a-f]{16}_2 {6}t\\u\{1b\}\[31mwo$/);
      expect(three).to.match(/_3 {6}three$/);
      expect(rest).to.deep.equal([]);
    });

    it("goes through the history page by page", async () => {
      const first = await run("messages", "news", "--from", "earliest", "--limit", "2", "--json");
      const [, from = ""] = /^more messages: --from (\S+)\n$/.exec(first.stderr) ?? [];
      expect(first.stdout).to.match(/^{.*"data":"one"}\n{.*"data":"t\\u001b\[31mwo"}\n$/);

      const [last, ...rest] = objectsOf(await run("messages", "news", "--from", from, "--json"));
      expect(rest).to.deep.equal([]);
      expect(last).to.include({ topic: "news", data: "three" });
      expect(last?.["position"]).to.equal(from.replace(/_2$/, "_3"));
    });

    it("reads more messages than fit on one page of history", async () => {
      const lines = Array.from({ length: 2500 }, (_, index) => `line ${index}`);
      await new Command(["publish", "long"], env, folder.path).end(lines.join("\n"));
      for (const from of ["earliest", "last:2500", "since:0"]) {
        const all = await run("messages", "long", "--from", from, "--limit", "9999", "--json");
        expect(objectsOf(all).map(({ data }) => data)).to.deep.equal(lines);
      }
    });

    it("prints nothing for a topic without messages", async () => {
      const { stdout, stderr, exitCode } = await run("messages", "none");
      expect([stdout, stderr, exitCode]).to.deep.equal(["", "", 0]);
    });

    it("refuses to wait for new messages", async () => {
      const { stderr, exitCode } = await run("messages", "news", "--from", "live");
      expect(exitCode).to.equal(1);
      expect(stderr).to.match(/^shardcast: --from live.* \(SHARDCAST_OPTION_INVALID\)\n$/);
    });
  });

  describe("topics", () => {
    it("lists the topics of all consumers with the token secret, a key or a token", async () => {
      const { stdout: token } = await run("token", "--sub", "ann", "--allow", "subscribe:orders/*");
      const all = linesOf(await run("topics"));
      expect(all).to.include.members(["news", "a\\u{202e}b", "orders/1", "orders/2"]);
      expect(new Set(all)).to.have.property("size", all.length);
      const ofKey = linesOf(await run("topics", "--api-key", API_KEY));
      expect(ofKey.filter((topic) => !topic.startsWith("$"))).to.have.members(all);
      const allowed = linesOf(await run("topics", "--token", token.trim()));
      expect(allowed).to.have.members(["orders/1", "orders/2"]);
    });

    it("prints JSON, and ends at the limit", async () => {
      const topics = objectsOf(await run("topics", "--json")).map(({ topic }) => topic);
      expect(topics).to.include.members(["news", "a\u202eb"]);
      expect(linesOf(await run("topics", "--limit", "1"))).to.have.lengthOf(1);
    });

    it("describes topics", async () => {
      const [header = "", row = ""] = linesOf(await run("topics", "news"));
      expect(header.split(/ +/)).to.deep.equal(["OWNER", "OLDEST", "HEAD", "TOPIC"]);
      expect(row).to.match(/^c[12] {5}([0-9a-f]{16})_1 {2}\1_3 {2}news$/);
      const [topic] = objectsOf(await run("topics", "news", "--json"));
      expect(topic).to.have.all.keys("topic", "owner", "head", "oldest");
    });

    it("reports a wrong key in one line", async () => {
      const { stdout, stderr, exitCode } = await run("topics", "--api-key", "another key of tests");
      expect([stdout, exitCode]).to.deep.equal(["", 1]);
      expect(stderr).to.match(/^shardcast: .* \(SHARDCAST_UNAUTHORIZED\)\n$/);
    });
  });

  it("presence lists the members of a topic, and does not join them", async () => {
    const psk = readFileSync(folder.join("data", "psk"), "utf8").trim();
    const client = await connect({ url: env["SHARDCAST_URL"] ?? "", psk });
    try {
      const own = client.presence("room", { memberId: "m1" });
      await own.enter({ user: "ann", info: "i\u001bn" });

      const [header = "", row, ...rest] = linesOf(await run("presence", "room"));
      expect(header.split(/ +/)).to.deep.equal(["MEMBER", "USER", "INFO"]);
      expect(row).to.equal("m1      ann   i\\u{1b}n");
      expect(rest).to.deep.equal([]);
      const members = objectsOf(await run("presence", "room", "--json"));
      expect(members).to.deep.equal([{ memberId: "m1", user: "ann", info: "i\u001bn" }]);
      expect(linesOf(await run("presence", "empty"))).to.deep.equal([]);
    } finally {
      client.close();
    }
  });

  describe("status", () => {
    it("shows that each node is ready", async () => {
      const producers = cluster.urls("producers");
      const command = await run("status", ...producers);
      const [header = "", ...rows] = linesOf(command);
      expect(command.exitCode).to.equal(0);
      expect(header.split(/ +/)).to.deep.equal(["NODE", "ROLE", "URL", "STATUS", "DETAIL"]);
      const nodes = rows.map((row) => row.split(/ +/));
      expect(nodes).to.deep.equal([
        ...cluster
          .urls("consumers")
          .map((url, index) => [`c${index + 1}`, "consumer", url, "ready"]),
        ...producers.map((url, index) => [`p${index + 1}`, "producer", url, "ready"]),
      ]);
    });

    it("ends with 1 if a node does not answer", async () => {
      const command = await run("status", "ws://127.0.0.1:1", "--json");
      const nodes = objectsOf(command);
      expect(command.exitCode).to.equal(1);
      expect(nodes.map(({ status }) => status)).to.deep.equal(["ready", "ready", "unreachable"]);
      expect(nodes[2]).to.include({ url: "http://127.0.0.1:1", error: "SHARDCAST_LINK_LOST" });
    });

    it("reports in one line that the node of --url does not answer, or is none", async () => {
      const dead = await run("status", "--url", "http://127.0.0.1:1");
      expect(dead.exitCode).to.equal(1);
      expect(dead.stderr).to.match(/^shardcast: http:.* \(SHARDCAST_LINK_LOST\)\n$/);
      const { stderr } = await run("status", "--url", "here");
      expect(stderr).to.match(/^shardcast: "here" .* \(SHARDCAST_OPTION_INVALID\)\n$/);
    });
  });

  it("links lists the connected clients, and disconnects a user", async () => {
    const { stdout: token } = await run("token", "--sub", "ann", "--allow", "subscribe:*");
    const client = await connect({ url: env["SHARDCAST_URL"] ?? "", token: token.trim() });
    await client.subscribe("news").ready;

    const [header = "", ...rows] = linesOf(await run("links", "--user", "ann"));
    expect(header.split(/ +/).slice(0, 5)).to.deep.equal(
      ["NODE", "LINK", "ENDPOINT", "ADDRESS", "USER"], //
    );
    expect(rows.map((row) => row.split(/ +/)[4])).to.deep.equal(rows.map(() => "ann"));
    expect(rows.filter((row) => / 1 +0 +news$/.test(row))).to.have.length(1);
    const all = objectsOf(await run("links", "--json"));
    expect(all.filter(({ user }) => user === "ann")).to.have.length(rows.length);
    expect(all.some(({ endpoint }) => endpoint === "producer")).to.equal(true);

    const ended = objectsOf(await run("links", "--user", "ann", "--disconnect", "--json"));
    expect(ended.reduce((sum, one) => sum + Number(one["disconnected"]), 0)).to.be.at.least(1);
    expect((await client.closed)?.code).to.equal("SHARDCAST_DISCONNECTED");
    const { stderr, exitCode } = await run("links", "--disconnect");
    expect(exitCode).to.equal(1);
    expect(stderr).to.match(/--disconnect needs --user.* \(SHARDCAST_OPTION_INVALID\)\n$/);
  });

  describe("explain", () => {
    it("shows why a client may do something, or not", async () => {
      const { stdout } = await run("token", "--sub", "ann", "--allow", "publish:chat/*");
      const token = stdout.trim();
      const allowed = await run("explain", "publish", "chat/1", "--for-token", token);
      expect(allowed.exitCode).to.equal(0);
      expect(linesOf(allowed)[0]).to.equal("allowed");
      expect(allowed.stdout).to.include("caps[0] allows publish on chat/*");
      expect(allowed.stdout).to.match(/\nroute: c1( -> c2)?\n$/);

      const refused = await run("explain", "subscribe", "chat/1", "--for-token", token);
      expect(refused.exitCode).to.equal(1);
      expect(linesOf(refused)[0]).to.equal("refused: SHARDCAST_FORBIDDEN");
      const [anonymous] = objectsOf(await run("explain", "publish", "chat/1", "--json"));
      expect(anonymous).to.include({ allowed: false, code: "SHARDCAST_TOKEN_INVALID" });
    });

    it("finds a connected user at any consumer", async () => {
      const { stdout: token } = await run("token", "--sub", "bob", "--allow", "publish:chat/*");
      const [, second = ""] = cluster.urls("consumers");
      const client = await connect({ url: second, token: token.trim(), route: "single" });
      try {
        const [found] = objectsOf(
          await run("explain", "publish", "chat/1", "--for-user", "bob", "--json"),
        );
        expect(found).to.include({ allowed: true, user: "bob" });
      } finally {
        client.close();
      }
      const [nobody] = objectsOf(
        await run("explain", "publish", "chat/1", "--for-user", "nobody", "--json"),
      );
      expect(nobody).to.include({ allowed: false, code: "SHARDCAST_NOT_FOUND" });
    });
  });

  it("push lists the push subscriptions with the token secret or the admin key", async () => {
    expect(linesOf(await run("push"))).to.deep.equal([]);
    const response = await fetch(`${env["SHARDCAST_URL"] ?? ""}/push/shop`, {
      method: "PUT",
      headers: { authorization: `Bearer ${ADMIN_KEY}`, "content-type": "application/json" },
      body: JSON.stringify({ topics: ["pushed/*"], url: "https://example.com/hook" }),
    });
    expect(response.status).to.equal(200);

    const [header = "", row = ""] = linesOf(await run("push"));
    expect(header.split(/ +/)).to.deep.equal(["NAME", "STATE", "SOURCE", "TOPICS", "URL"]);
    const cells = ["shop", "enabled", "api", "pushed/*", "https://example.com/hook"];
    expect(row.split(/ +/)).to.deep.equal(cells);
    const [shop] = objectsOf(await run("push", "--json", "--admin-key", ADMIN_KEY));
    expect(shop).to.include({ name: "shop", enabled: true });
    expect(shop).not.to.have.any.keys("secret");
    const { stderr } = await run("push", "--admin-key", "another key of tests");
    expect(stderr).to.match(/ \(SHARDCAST_UNAUTHORIZED\)\n$/);
  });
});
