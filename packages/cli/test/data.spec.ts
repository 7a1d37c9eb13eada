import { mkdirSync, writeFileSync } from "node:fs";
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

  it("says in one line what is no data folder", async () => {
    mkdirSync(folder.join("photos"));
    writeFileSync(folder.join("photos", "one.jpg"), "");
    for (const name of ["photos", "nowhere"]) {
      const { stderr, exitCode } = await run("check", folder.join(name));
      expect(exitCode).to.equal(1);
      expect(stderr).to.match(/^shardcast: .*\(SHARDCAST_DATA_FOREIGN\)\n$/);
    }
    expect((await run()).stderr).to.include("no command: check, backup or repair");
    expect((await run("check")).stderr).to.match(/^shardcast: Not enough .*\n$/);
  });
});
