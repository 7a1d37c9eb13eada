// What all commands have in common: version, help, suggestions, and completion in a real shell.
import { expect } from "chai";
import { spawnSync } from "node:child_process";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter } from "node:path";
import { BIN, Command, TempFolder } from "./support.ts";

const { version } = JSON.parse(readFileSync("packages/cli/package.json", "utf8")) as {
  readonly version: string;
};

function run(...args: string[]): Promise<Command> {
  return new Command(args).end();
}

describe("shardcast", () => {
  it("prints the version of its package", async () => {
    const { stdout, exitCode } = await run("--version");
    expect([stdout, exitCode]).to.deep.equal([`${version}\n`, 0]);
  });

  it("explains itself and each command with -h as with --help", async () => {
    for (const command of [[], ["publish"], ["data"]]) {
      const [short, long] = await Promise.all([run(...command, "-h"), run(...command, "--help")]);
      expect([short.stdout, short.exitCode]).to.deep.equal([long.stdout, 0]);
      expect(short.stdout).to.match(/^shardcast.*\n\n.*-h, --help/s);
    }
  });

  for (const [mistyped, suggestion] of [
    ["pubish news hi", "publish"],
    ["publish news hi --tokn x", "--token"],
    ["data chek data/c1", "check"],
  ] as const) {
    it(`suggests ${suggestion} for: ${mistyped}`, async () => {
      const { stderr, exitCode } = await run(...mistyped.split(" "));
      expect(exitCode).to.equal(1);
      expect(stderr).to.match(/^shardcast: Unknown arg.* \(SHARDCAST_OPTION_INVALID\)\n$/);
      expect(stderr).to.include(`; did you mean ${suggestion}? (`);
    });
  }

  it("suggests nothing for a word that resembles no command", async () => {
    const { stderr } = await run("frobnicate");
    expect(stderr).to.equal("shardcast: Unknown argument: frobnicate (SHARDCAST_OPTION_INVALID)\n");
  });
});

describe("shardcast completion", () => {
  const folder = new TempFolder();
  const script = folder.join("completion");

  before(async () => {
    const { stdout } = await new Command(["completion"], { SHELL: "/bin/bash" }).end();
    writeFileSync(script, stdout);
    writeFileSync(
      folder.join("shardcast"),
      `#!/bin/sh\nexec '${process.execPath}' '${BIN}' "$@"\n`,
    );
    chmodSync(folder.join("shardcast"), 0o755);
  });

  after(() => folder.remove());

  /** Returns what bash offers for the last word of a command line. */
  function completions(...words: string[]): string[] {
    const fill = [
      'source "$0"',
      'COMP_WORDS=("$@")',
      "COMP_CWORD=$(($# - 1))",
      "_shardcast_yargs_completions",
      `printf '%s\\n' "\${COMPREPLY[@]}"`,
    ];
    const path = `${folder.path}${delimiter}${process.env["PATH"] ?? ""}`;
    // An address where no node listens: a completion that connected would fail.
    const env = { PATH: path, SHELL: "/bin/bash", SHARDCAST_URL: "http://127.0.0.1:1" };
    const args = ["--norc", "-c", fill.join("\n"), script, "shardcast", ...words];
    const { stdout, stderr } = spawnSync("bash", args, { env, encoding: "utf8" });
    expect(stderr).to.equal("");
    return stdout.trim().split("\n");
  }

  it("completes commands in bash", () => {
    expect(completions("pub")).to.deep.equal(["publish"]);
    expect(completions("")).to.include.members(["up", "publish", "subscribe", "data"]);
    expect(completions("data", "ch")).to.deep.equal(["check"]);
  });

  it("completes options in bash, and values of an option that has a fixed set", () => {
    expect(completions("publish", "--ur")).to.deep.equal(["--url"]);
    expect(completions("publish", "news", "--")).to.include.members(["--url", "--attribute"]);
    expect(completions("up", "--log", "l")).to.deep.equal(["lmdb"]);
  });

  it("prints another script for zsh", async () => {
    const { stdout } = await new Command(["completion"], { SHELL: "/usr/bin/zsh" }).end();
    expect(stdout).to.match(/^#compdef shardcast\n/);
  });
});
