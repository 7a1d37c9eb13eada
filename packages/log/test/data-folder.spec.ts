import { spawn } from "node:child_process";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { once } from "node:events";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { DataFolder, openForReading, writeBackup } from "../src/data-folder.ts";
import { FolderLock } from "../src/folder-lock.ts";

const KEY = Buffer.from("key");

describe("DataFolder", () => {
  let root: string;
  let path: string;
  let count = 0;

  before(() => {
    root = mkdtempSync(join(tmpdir(), "shardcast-folder-"));
  });

  beforeEach(() => {
    count += 1;
    path = join(root, `folder-${count}`);
  });

  after(() => {
    rmSync(root, { recursive: true, force: true });
  });

  async function make(bytes = 10): Promise<void> {
    const folder = await DataFolder.open(path, "c1");
    folder.store.put("messages", KEY, Buffer.alloc(bytes, 7));
    await folder.store.commit();
    await folder.close();
  }

  async function refusal(node = "c1"): Promise<string> {
    try {
      const folder = await DataFolder.open(path, node);
      await folder.close();
      return "";
    } catch (error) {
      return `${(error as { code?: string }).code ?? ""}: ${(error as Error).message}`;
    }
  }

  it("is made where there is none, and has again what was put into it", async () => {
    await make();
    expect(existsSync(join(path, "lock.sock"))).to.equal(false);
    expect(statSync(path).mode & 0o777).to.equal(0o700);
    const folder = await DataFolder.open(path, "c1");
    expect(folder.store.get("messages", KEY)).to.deep.equal(Buffer.alloc(10, 7));
    await folder.close();
  });

  it("is its owner's alone, whatever the umask and the folder say", async () => {
    const umask = process.umask(0);
    try {
      mkdirSync(path, { mode: 0o777 });
      const folder = await DataFolder.open(path, "c1");
      await writeBackup(folder.store, "c1", `${path}-backup`);
      const files = ["shardcast.json", "log.mdb", "log.mdb-lock", "lock.sock"];
      for (const name of files) expect(statSync(join(path, name)).mode & 0o77, name).to.equal(0);
      expect(statSync(join(`${path}-backup`, "log.mdb")).mode & 0o77).to.equal(0);
      await folder.close();
      // As an earlier version created it.
      chmodSync(join(path, "log.mdb"), 0o644);
      await (await DataFolder.open(path, "c1")).close();
      expect(statSync(join(path, "log.mdb")).mode & 0o77).to.equal(0);
    } finally {
      process.umask(umask);
    }
  });

  it("is refused while a process has it, and not once that is gone", async () => {
    const folder = await DataFolder.open(path, "c1");
    expect(await refusal()).to.match(/^SHARDCAST_DATA_LOCKED: .*folder/);
    await folder.close();
    expect(await refusal()).to.equal("");
  });

  it("is had by one of many that open it at once, however a process before them ended", async function () {
    this.timeout(30_000);
    mkdirSync(path);
    for (let round = 0; round < 4; round += 1) {
      await leaveDeadLock(path);
      const tries = await Promise.allSettled(
        Array.from({ length: 8 }, () => FolderLock.take(path)),
      );
      const taken = tries.flatMap((result) =>
        result.status === "fulfilled" ? [result.value] : [],
      );
      expect(taken.length).to.be.at.most(1);
      for (const lock of taken) await lock.release();
    }
    const lock = await FolderLock.take(path);
    await lock.release();
  });

  it("leaves Node able to find modules behind symbolic links", async () => {
    const load = createRequire(join(root, "x.js"));
    const real = join(realpathSync(root), "real");
    mkdirSync(real);
    symlinkSync(real, join(root, "link"));
    for (const name of ["one.js", "two.js"])
      writeFileSync(join(real, name), "module.exports = __filename;");
    // Node has cached the folders now, and looks only at the link.
    expect(load("./real/one.js")).to.equal(join(real, "one.js"));
    const folder = await DataFolder.open(path, "c1");
    expect(load("./link/two.js")).to.equal(join(real, "two.js"));
    await folder.close();
  });

  it("can have a path that is too long for a socket", async () => {
    path = join(path, "a".repeat(100), "b".repeat(100));
    await make();
    const folder = await DataFolder.open(path, "c1");
    expect(await refusal()).to.include("SHARDCAST_DATA_LOCKED");
    await folder.close();
  });

  it("is refused to another node", async () => {
    await make();
    expect(await refusal("c2")).to.match(/^SHARDCAST_DATA_FOREIGN: .*data of c1, not of c2/);
  });

  for (const [what, file, content] of [
    ["something else", "photo.jpg", "jpeg"],
    ["a store and no note", "log.mdb", "?"],
    ["a note that is none", "shardcast.json", "[]"],
    ["another format", "shardcast.json", '{"format":"other","version":1,"node":"c1"}'],
    ["a later version", "shardcast.json", '{"format":"shardcast-log","version":4,"node":"c1"}'],
  ] as const) {
    it(`is refused, and left alone, where it has ${what}`, async () => {
      mkdirSync(path);
      writeFileSync(join(path, file), content);
      expect(await refusal()).to.include("SHARDCAST_DATA_FOREIGN");
      expect(readFileSync(join(path, file), "utf8")).to.equal(content);
    });
  }

  it("is refused, and left alone, where the store is damaged", async () => {
    await make(100_000);
    const file = join(path, "log.mdb");
    const whole = readFileSync(file);
    const noise = Buffer.alloc(4096, 0xa5);
    const damages: [string, Buffer][] = [
      ["no store at all", Buffer.from("hello")],
      ["a damaged first page", Buffer.concat([noise, whole.subarray(4096)])],
      [
        "a damaged second page",
        Buffer.concat([whole.subarray(0, 4096), noise, whole.subarray(8192)]),
      ],
      ["one page only", whole.subarray(0, 4096)],
      ["no end", whole.subarray(0, 50_000)],
    ];
    for (const [what, content] of damages) {
      writeFileSync(file, content);
      expect(await refusal(), what).to.include("SHARDCAST_DATA_CORRUPT");
      expect(readFileSync(file).equals(content), what).to.equal(true);
    }
    writeFileSync(file, whole);
    expect(await refusal()).to.equal("");
    truncateSync(file, 0);
    expect(await refusal()).to.equal("");
  });

  it("can be copied while a process has it, and the copy be used in its place", async () => {
    const folder = await DataFolder.open(path, "c1");
    folder.store.put("messages", KEY, Buffer.from("stored"));
    await folder.store.commit();
    const copy = `${path}-copy`;
    const { store, node } = await openForReading(path);
    if (store === undefined) throw new Error("it is damaged");
    await writeBackup(store, node, copy);
    await store.close();
    await folder.close();
    rmSync(path, { recursive: true });
    cpSync(copy, path, { recursive: true });
    const again = await DataFolder.open(path, "c1");
    expect(again.store.get("messages", KEY)?.toString()).to.equal("stored");
    await again.close();
  });

  it("is not copied over anything", async () => {
    await make();
    const { store, node } = await openForReading(path);
    if (store === undefined) throw new Error("it is damaged");
    const result = await writeBackup(store, node, root).catch((error: unknown) => error);
    expect(result).to.have.property("code", "SHARDCAST_DATA_FOREIGN");
    await store.close();
  });

  it("is only read where it is one", async () => {
    const result = await openForReading(join(root, "nowhere")).catch((error: unknown) => error);
    expect(result).to.have.property("code", "SHARDCAST_DATA_FOREIGN");
  });
});

/** Leaves the socket of a process that held the lock and was killed. */
async function leaveDeadLock(path: string): Promise<void> {
  const script = `require("node:net").createServer().listen(${JSON.stringify(join(path, "lock.sock"))}, () => process.send("ready"))`;
  const child = spawn(process.execPath, ["-e", script], {
    stdio: ["ignore", "ignore", "ignore", "ipc"],
  });
  await once(child, "message");
  child.kill("SIGKILL");
  await once(child, "exit");
  expect(existsSync(join(path, "lock.sock"))).to.equal(true);
}
