// `shardcast token` creates tokens that nodes accept.
import { writeFileSync } from "node:fs";
import { ShardcastError } from "@shardcast/protocol";
import { decodeJwt, jwtVerify } from "jose";
import { expect } from "chai";
import { tokenCommand } from "../src/token.ts";
import { Command, TempFolder, UpCommand } from "./support.ts";

const SECRET = "the secret of the tests, which is long enough";
const OTHER = "another secret of the tests, long enough, too";
const ENV = { SHARDCAST_TOKEN_SECRET: SECRET };

function token(
  args: readonly string[],
  env: Readonly<Record<string, string>> = ENV,
): Promise<Command> {
  return new Command(["token", ...args], env).end();
}

function isSignedWith(secret: string, text: string): Promise<boolean> {
  return jwtVerify(text.trim(), new TextEncoder().encode(secret)).then(
    () => true,
    () => false,
  );
}

describe("shardcast token", () => {
  const folder = new TempFolder();

  after(() => folder.remove());

  it("prints one line: a token of the user, for an hour, that allows nothing", async () => {
    const { stdout, exitCode } = await token(["--sub", "ann"]);
    expect(exitCode).to.equal(0);
    expect(stdout).to.match(/^[\w-]+\.[\w-]+\.[\w-]+\n$/);
    const { sub, caps, exp = 0, iat = 0, aud, iss } = decodeJwt(stdout);
    expect([sub, caps, exp - iat, aud, iss]).to.deep.equal(["ann", [], 3600, undefined, undefined]);
    expect(await isSignedWith(SECRET, stdout)).to.equal(true);
  });

  it("says what it was told", async () => {
    const args = ["--sub", "bob", "--expires", "60", "--audience", "mq", "--issuer", "me"];
    const allow = ["--allow", "publish,subscribe:chat/* history:a", "--allow", "presence:b"];
    const { stdout } = await token([...args, ...allow]);
    const { exp = 0, iat = 0, ...claims } = decodeJwt(stdout);
    expect(exp - iat).to.equal(60);
    expect(claims).to.deep.equal({
      sub: "bob",
      aud: "mq",
      iss: "me",
      caps: [
        { topics: ["chat/*"], allow: ["publish", "subscribe"] },
        { topics: ["a"], allow: ["history"] },
        { topics: ["b"], allow: ["presence"] },
      ],
    });
  });

  it("signs with the first line of a file, which goes before the environment", async () => {
    const file = folder.join("secret");
    writeFileSync(file, `${OTHER}\n${SECRET}\n`);
    const { stdout } = await token(["--sub", "ann", "--token-secret-file", file]);
    expect(await isSignedWith(OTHER, stdout)).to.equal(true);
  });

  for (const [what, options] of [
    ["no user", {}],
    ["an empty user", { sub: "" }],
    ["a user with a line break", { sub: "a\nb" }],
    ["a user of 256 bytes", { sub: "é".repeat(128) }],
    ["an action that there is not", { sub: "ann", allow: ["delete:*"] }],
    ["no action", { sub: "ann", allow: ["*"] }],
    ["no time", { sub: "ann", expires: "0" }],
    ["a time that is none", { sub: "ann", expires: "soon" }],
    ["more time than there is", { sub: "ann", expires: "9007199254740991" }],
    ["half a second", { sub: "ann", expires: "0.5" }],
  ] as const) {
    it(`refuses ${what}`, () => {
      const args = { _: [], $0: "shardcast", ...options };
      expect(() => tokenCommand.handler(args)).to.throw(ShardcastError);
    });
  }

  for (const [what, args, env] of [
    ["no user", [], ENV],
    ["no secret", ["--sub", "ann", "--token-secret-file", "no-such-file"], {}],
  ] as [string, string[], Record<string, string>][]) {
    it(`prints no token where there is ${what}`, async () => {
      const { stdout, stderr, exitCode } = await token(args, env);
      expect([stdout, exitCode]).to.deep.equal(["", 1]);
      expect(stderr).to.match(/^shardcast: .*\n$/);
      expect(stderr).to.not.include(SECRET);
    });
  }

  it("refuses a file without a secret", async () => {
    writeFileSync(folder.join("empty"), "\n");
    const args = ["--sub", "ann", "--token-secret-file", folder.join("empty")];
    expect((await token(args)).exitCode).to.equal(1);
  });

  it("makes tokens that the nodes of `shardcast up` accept, and that other commands bring", async function () {
    this.timeout(60_000);
    const cluster = await new UpCommand(folder.join("data")).ready();
    try {
      const [url = ""] = cluster.urls("consumers");
      const file = folder.join("data", "token-secret");
      const args = ["--sub", "ann", "--allow", "publish:news", "--token-secret-file", file];
      const { stdout } = await token(args, {});
      const publish = (topic: string, text: string): Promise<Command> =>
        new Command(["publish", topic, "hi", "--url", url, "--token", text.trim()]).end();
      expect((await publish("news", stdout)).exitCode).to.equal(0);
      const refused = await publish("other", stdout);
      expect(refused.exitCode).to.equal(1);
      expect(refused.stderr).to.include("SHARDCAST_FORBIDDEN");
      const { stdout: forged } = await token(["--sub", "ann", "--allow", "publish:news"]);
      expect((await publish("news", forged)).stderr).to.include("SHARDCAST_TOKEN_INVALID");
    } finally {
      await cluster.stop();
    }
  });
});
