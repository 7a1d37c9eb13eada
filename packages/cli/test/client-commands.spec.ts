// `shardcast publish` and `shardcast subscribe` against a real cluster.
import { expect } from "chai";
import { Command, TempFolder, UpCommand } from "./support.ts";

const TWICE = ["--content-type", "text/plain", "--attribute", "content-type=text/html"];

describe("shardcast publish and subscribe", () => {
  const folder = new TempFolder();
  let cluster: UpCommand;
  let reach: readonly string[];

  before(async () => {
    cluster = await new UpCommand(folder.join("data")).ready();
    const [url = ""] = cluster.urls("consumers");
    reach = ["--url", url, "--psk-file", folder.join("data", "psk")];
  });

  after(async () => {
    await cluster.stop();
    folder.remove();
  });

  async function publish(args: readonly string[], input = ""): Promise<Command> {
    return new Command(["publish", ...args, ...reach]).end(input);
  }

  async function subscribe(...args: string[]): Promise<Command> {
    return new Command(["subscribe", ...args, ...reach]).end();
  }

  it("stores each argument and prints its position", async () => {
    const { stdout, exitCode } = await publish(["args", "one", "two words", "3"]);

    expect(exitCode).to.equal(0);
    expect(stdout).to.match(/^([0-9a-f]{16})_1\n\1_2\n\1_3\n$/);
    const { stdout: seen } = await subscribe("args", "--from", "earliest", "--count", "3");
    expect(seen).to.equal("one\ntwo words\n3\n");
  });

  it("takes what stands after -- for text, whatever it looks like", async () => {
    const command = new Command(["publish", ...reach, "--", "-t", "-5", "--id", "1e3", "007"]);
    const { stdout, exitCode } = await command.end();

    expect(exitCode).to.equal(0);
    expect(stdout.split("\n")).to.have.lengthOf(5);
    const reader = new Command(["subscribe", ...reach, "--from=earliest", "--count=4", "--", "-t"]);
    expect((await reader.end()).stdout).to.equal("-5\n--id\n1e3\n007\n");
  });

  it("refuses arguments after -- that the command does not take", async () => {
    const { stderr, exitCode } = await new Command(["up", "--", "--port"]).end();

    expect(exitCode).to.equal(1);
    expect(stderr).to.equal("shardcast: Unknown argument: --port (SHARDCAST_OPTION_INVALID)\n");
  });

  it("stores each line of stdin, in order, whatever is in it", async () => {
    const lines = ["first", "", "wörd 你好", "a\u2028b", ...Array.from({ length: 3000 }, String)];
    const { stdout, exitCode } = await publish(["lines"], lines.join("\n"));

    expect(exitCode).to.equal(0);
    expect(stdout.split("\n")).to.have.lengthOf(lines.length + 1);
    const count = String(lines.length);
    const { stdout: seen } = await subscribe("lines", "--from", "earliest", "--count", count);
    expect(seen).to.equal(`${lines.join("\n")}\n`);
  });

  it("stores a message once under its id", async () => {
    const first = await publish(["once", "hi", "--id", "m1"]);
    const second = await publish(["once", "hi", "--id", "m1"]);

    expect(second.stdout).to.equal(first.stdout.replace("\n", " duplicate\n"));
    expect((await publish(["once", "a", "b", "--id", "m2"])).exitCode).to.equal(1);
  });

  it("stores attributes and a content type with each message", async () => {
    const attributes = ["--attribute", "region=eu,us", "--attribute", "query=a=b"];
    const type = ["--content-type", "application/json"];
    const { exitCode } = await publish(["typed", ...attributes, ...type, '{"id":7}', "[]"]);
    expect(exitCode).to.equal(0);
    await publish(["typed", ...attributes, ...type], "8\n");

    const { stdout } = await subscribe("typed", "--from", "earliest", "--count", "3", "--json");
    const messages = stdout.trim().split("\n");
    const expected = { region: "eu,us", query: "a=b", "content-type": "application/json" };
    const seen = messages.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(seen.map(({ data }) => data)).to.deep.equal([{ id: 7 }, [], 8]);
    for (const message of seen) expect(message["attributes"]).to.deep.equal(expected);
  });

  it("finds the cluster by SHARDCAST_URL, over which the option has priority", async () => {
    const [option = "", url = "", ...key] = reach;
    const publishes = (args: readonly string[], address: string): Promise<Command> =>
      new Command(["publish", "by-url", "hi", ...args], { SHARDCAST_URL: address }).end();

    expect((await publishes(key, url)).exitCode).to.equal(0);
    expect((await publishes([...key, option, url], "http://127.0.0.1:1")).exitCode).to.equal(0);
    const { stderr } = await publishes(key, "here");
    expect(stderr).to.match(/^shardcast: "here" is not the address of a node/);
  });

  it("goes on behind a position", async () => {
    const { stdout } = await publish(["after", "one", "two", "three"]);
    const [first = ""] = stdout.split("\n");

    const { stdout: seen } = await subscribe("after", "--from", first, "--count", "1");

    expect(seen).to.equal("two\n");
  });

  it("prints several topics, and JSON with all that a message has", async () => {
    await publish(["x", "one", "--id", "m1"]);
    await publish(["y", "two"]);

    const both = await subscribe("x", "y", "--from", "earliest", "--count", "2");
    expect(both.stdout.split("\n").sort()).to.deep.equal(["", "x\tone", "y\ttwo"]);
    const { stdout } = await subscribe("x", "--from", "earliest", "--count", "1", "--json");
    const message = JSON.parse(stdout) as Record<string, unknown>;
    expect(message).to.include({ topic: "x", data: "one", messageId: "m1" });
    expect(message["position"]).to.match(/^[0-9a-f]{16}_1$/);
  });

  it("prints messages as they come, and ends with 0 when it is interrupted", async () => {
    const command = new Command(["subscribe", "live", "--from", "earliest", ...reach]);
    await publish(["live", "hello"]);

    await command.said(/^hello$/m);
    command.interrupt();
    await command.ended;

    expect(command.exitCode).to.equal(0);
    expect(command.stderr).to.equal("");
  });

  it("ends in peace when nobody reads on", async () => {
    await publish(["pipe", "one"]);
    const command = new Command(["subscribe", "pipe", "--from", "earliest", ...reach]);
    await command.said(/^one$/m);

    command.closeOutput();
    await publish(["pipe", "two", "three"]);
    await command.ended;

    expect(command.exitCode).to.equal(0);
    expect(command.stderr).to.equal("");
  });

  for (const [what, args, fault] of [
    ["a wrong key", ["publish", "news", "hi", "--psk", "wrong"], "HANDSHAKE_FAILED"],
    ["a reserved topic", ["publish", "$news", "hi"], "TOPIC_RESERVED"],
    [
      "an attribute without a value",
      ["publish", "a", "b", "--attribute", "c"],
      "ATTRIBUTES_INVALID",
    ],
    ["a repeated attribute", ["publish", "a", "b", ...TWICE], "ATTRIBUTES_INVALID"],
    ["a reserved attribute", ["publish", "a", "b", "--attribute", "$c=d"], "ATTRIBUTES_INVALID"],
    [
      "a broken content type",
      ["publish", "a", "b", "--content-type", "a\nb"],
      "ATTRIBUTES_INVALID",
    ],
    ["an unusable start", ["subscribe", "news", "--from", "noon"], "POSITION_INVALID"],
    ["no topic", ["subscribe"], "OPTION_INVALID"],
    ["an unknown option", ["publish", "news", "hi", "--fast"], "OPTION_INVALID"],
    ["an unknown command", ["pub", "news"], "OPTION_INVALID"],
    ["a missing key file", ["publish", "news", "hi", "--psk-file", "none"], "KEY_MISSING"],
    ["an unusable address", ["publish", "news", "hi", "--url", "here"], "OPTION_INVALID"],
    ["no cluster", ["publish", "news", "hi", "--url", "ws://127.0.0.1:1"], "TIMEOUT"],
  ] as const) {
    it(`refuses ${what} in one line`, async () => {
      const missing = ["--url", "--psk-file"].flatMap((name) => {
        const isGiven = args.some(
          (arg) => arg === name || (name === "--psk-file" && arg === "--psk"),
        );
        return isGiven ? [] : reach.slice(reach.indexOf(name), reach.indexOf(name) + 2);
      });
      const command = await new Command([...args, ...missing]).end();

      expect(command.exitCode).to.equal(1);
      expect(command.stderr).to.match(new RegExp(`^shardcast: .*\\(SHARDCAST_${fault}\\)\n$`));
      expect(command.stdout).to.equal("");
    });
  }
});
