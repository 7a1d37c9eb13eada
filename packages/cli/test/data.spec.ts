import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { expect } from "chai";
import { Command, TempFolder, UpCommand } from "./support.ts";

describe("shardcast data", () => {
  const folder = new TempFolder();
  const data = folder.join("data");
  let cluster: UpCommand;

  before(async function () {
    this.timeout(30_000);
    cluster = await new UpCommand(data, ["--producers", "1", "--consumers", "1"]).ready();
    const args = [
      "--url",
      cluster.urls("consumers")[0] ?? "",
      "--psk-file",
      folder.join("data", "psk"),
    ];
    const publish = new Command(["publish", "news", "one", "two", "three", ...args]);
    await publish.ended;
    expect(publish.stderr).to.equal("");
  });

  after(async () => {
    await cluster.stop();
    folder.remove();
  });

  async function run(...args: string[]): Promise<Command> {
    const command = new Command(["data", ...args]);
    await command.ended;
    return command;
  }

  it("checks a folder that a node has in use", async () => {
    const { stdout, stderr, exitCode } = await run("check", folder.join("data", "c1"));
    expect(stdout).to.equal("1 topics, 3 messages, 0.0 MiB; 0 faults\n");
    expect(stderr).to.equal("");
    expect(exitCode).to.equal(0);
  });

  for (const command of ["backup", "repair"]) {
    it(`${command} makes a folder of it that is whole`, async () => {
      const made = await run(command, folder.join("data", "c1"), folder.join(command));
      expect(made.stderr).to.equal("");
      expect(made.exitCode).to.equal(0);
      const checked = await run("check", folder.join(command));
      expect(checked.stdout).to.equal("1 topics, 3 messages, 0.0 MiB; 0 faults\n");
      const again = await run(command, folder.join("data", "c1"), folder.join("data"));
      expect(again.exitCode).to.equal(1);
      expect(again.stderr).to.match(/^shardcast: .*\(SHARDCAST_DATA_FOREIGN\)\n$/);
    });
  }

  for (const command of ["backup", "repair"]) {
    it(`${command} refuses a folder that holds data, and leaves it as it is`, async () => {
      const used = folder.join(`used-${command}`);
      expect((await run("backup", folder.join("data", "c1"), used)).exitCode).to.equal(0);
      const { stderr, exitCode } = await run(command, folder.join("data", "c1"), used);
      expect(exitCode).to.equal(1);
      expect(stderr).to.match(/^shardcast: .* holds log\.mdb: .*\(SHARDCAST_DATA_FOREIGN\)\n$/);
      expect((await run("check", used)).stdout).to.equal(
        "1 topics, 3 messages, 0.0 MiB; 0 faults\n",
      );
    });
  }

  it("brings a backup back as docs/operations.md says, with a gap to those who have seen more", async function () {
    this.timeout(60_000);
    const [own, backup] = [folder.join("data", "c1"), folder.join("restore")];
    const reach = () => [
      ...["--url", cluster.urls("consumers")[0] ?? "", "--psk-file", folder.join("data", "psk")],
    ];
    await run("backup", own, backup);
    const more = await new Command(["publish", "news", "four", "five", ...reach()]).end();
    const seen = /^(.*_4)$/m.exec(more.stdout)?.[1] ?? "";
    await cluster.stop();
    renameSync(own, folder.join("c1.old"));
    expect((await run("repair", "--new-epochs", backup, own)).stdout).to.equal(
      "1 topics, 3 messages, 0.0 MiB; 0 faults\n",
    );
    cluster = await new UpCommand(data, ["--producers", "1", "--consumers", "1"]).ready();

    const { stdout, stderr } = await new Command([
      ...["subscribe", "news", "--from", seen, "--count", "3", ...reach()],
    ]).end();
    expect(stdout).to.equal("one\ntwo\nthree\n");
    expect(stderr).to.include("the topic's log started over");
  });

  it("checks, and salvages, what is left of a file with a zeroed page, of any kind", async function () {
    this.timeout(120_000);
    const copy = folder.join("zeroed");
    await run("backup", folder.join("data", "c1"), copy);
    const file = folder.join("zeroed", "log.mdb");
    const whole = readFileSync(file);
    let found = 0;
    for (let page = 0; page < whole.length / 4096; page += 1) {
      const bytes = Buffer.from(whole);
      bytes.fill(0, page * 4096, (page + 1) * 4096);
      writeFileSync(file, bytes);
      const checked = await run("check", copy);
      expect(checked.stderr).to.equal("");
      if (checked.exitCode === 0) continue;
      expect(checked.exitCode).to.equal(1);
      expect(checked.stdout).to.match(/^fault: .+$/m);
      const to = folder.join(`salvaged-${page}`);
      const { stderr, exitCode } = await run("repair", copy, to);
      expect([stderr, exitCode]).to.deep.equal(["", 0]);
      expect((await run("check", to)).exitCode).to.equal(0);
      const backup = await run("backup", copy, folder.join(`copied-${page}`));
      expect(backup.stderr).to.match(/^shardcast: .*\(SHARDCAST_DATA_CORRUPT\)\n$/);
      found += 1;
    }
    expect(found).to.be.greaterThan(2);
  });

  it("says in one line what is no data folder", async () => {
    mkdirSync(folder.join("photos"));
    writeFileSync(folder.join("photos", "one.jpg"), "");
    for (const name of ["photos", "nowhere"]) {
      const { stderr, exitCode } = await run("check", folder.join(name));
      expect(exitCode).to.equal(1);
      expect(stderr).to.match(/^shardcast: .*\(SHARDCAST_DATA_FOREIGN\)\n$/);
    }
    expect((await run()).stderr).to.include("no command: use check, backup or repair");
    expect((await run("check")).stderr).to.match(/^shardcast: Not enough .*\n$/);
  });
});
