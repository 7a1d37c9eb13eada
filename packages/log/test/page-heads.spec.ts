// Flips single bits in the structures of lmdb's file: its first two pages, the heads of pages and
// of nodes, the places of nodes, the tree descriptions, the list of free pages. A child process
// opens each damaged store.
import { fork, type ChildProcess } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { Random } from "@shardcast/faults";
import { PageFile } from "../src/page-file.ts";
import { PageWalk } from "../src/page-walk.ts";

const USER = join("packages", "log", "test", "support", "store-user.js");
const PAGE_BYTES = 4096;
const META_END = 24 + 152;
const FLIPS = 500;
const TIME = 1000;
const TOPICS = Array.from({ length: 60 }, (_, number) => `topic-${number}`);

interface Answer {
  readonly type: "served" | "refused" | "ended";
  readonly messages?: number;
  readonly epochs?: readonly string[];
  readonly code?: string;
  readonly message?: string;
}

describe("a store's file with single bits flipped in its pages' heads", function () {
  this.timeout(60_000);
  let root: string;
  let whole: Buffer;
  let made: Answer | undefined;
  let user: ChildProcess | undefined;

  before(async () => {
    root = mkdtempSync(join(tmpdir(), "shardcast-heads-"));
    mkdirSync(join(root, "whole"));
    made = await ask({ type: "make", folder: join(root, "whole") });
    expect(made.type).to.equal("served");
    whole = readFileSync(join(root, "whole", "log.mdb"));
  });

  after(() => {
    user?.kill("SIGKILL");
    rmSync(root, { recursive: true, force: true });
  });

  /** Sends a request to the child process, and starts a new one if the last has ended. */
  function ask(request: { readonly type: "make" | "use"; folder: string }): Promise<Answer> {
    if (user === undefined || user.exitCode !== null || user.signalCode !== null) {
      user = fork(USER, { execArgv: [], stdio: ["ignore", "ignore", "ignore", "ipc"] });
    }
    const child = user;
    return new Promise((resolve) => {
      child.removeAllListeners();
      child.on("message", (answer) => resolve(answer as Answer));
      child.on("exit", (code, signal) => {
        resolve({ type: "ended", message: `${String(code)} ${String(signal)}` });
      });
      child.send({ ...request, topics: TOPICS, time: TIME, epochs: made?.epochs });
    });
  }

  async function useOf(bytes: Buffer): Promise<Answer> {
    const folder = join(root, "damaged");
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder);
    copyFileSync(join(root, "whole", "shardcast.json"), join(folder, "shardcast.json"));
    writeFileSync(join(folder, "log.mdb"), bytes);
    return ask({ type: "use", folder });
  }

  it("ends no process: it is refused with one line, or gives what was stored, and tells what is lost", async () => {
    expect(await useOf(whole)).to.deep.equal(made);
    const random = new Random(3);
    const places = placesOf(whole, pagesInUse(join(root, "whole", "log.mdb")));
    const pages = [...places.keys()];
    const answers: Answer[] = [];
    for (let count = 0; count < FLIPS; count += 1) {
      const page = pages[random.between(0, pages.length - 1)] ?? 0;
      const inPage = places.get(page) ?? [];
      const at = inPage[random.between(0, inPage.length - 1)] ?? 0;
      const bit = random.between(0, 7);
      const bytes = Buffer.from(whole);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << bit);
      const answer = await useOf(bytes);
      answers.push(answer);
      const where = `page ${page}, byte ${at % PAGE_BYTES}, bit ${bit}`;
      expect(answer.type, where).not.to.equal("ended");
      if (answer.type === "served") {
        expect(answer, where).to.deep.equal(made);
        continue;
      }
      expect(answer.code, where).to.equal("SHARDCAST_DATA_CORRUPT");
      expect(answer.message, where).to.match(/^[^\n]+$/);
    }
    expect(answers.map(({ type }) => type)).to.include.members(["served", "refused"]);
  });
});

/** The pages that trees lead to, and the first two. */
function pagesInUse(path: string): number[] {
  const file = PageFile.open(path);
  const walk = new PageWalk(file);
  const leaves = [...walk.tables().values(), file.meta?.free].map((tree) => [
    ...walk.leaves("a tree", tree),
  ]);
  file.close();
  expect(leaves.length).to.equal(6);
  return Array.from({ length: file.pageEnd }, (_, page) => page).filter(
    (page) => page < 2 || walk.hasSeen(page),
  );
}

/** The byte positions of the structures in each page. */
function placesOf(file: Buffer, pages: readonly number[]): Map<number, number[]> {
  const places = new Map<number, number[]>();
  for (const page of pages) {
    const start = page * PAGE_BYTES;
    // Further overflow pages hold only the value.
    if (file.readBigUInt64LE(start) !== BigInt(page)) continue;
    const inPage = page < 2 ? range(start, META_END) : range(start, 24);
    const flags = file.readUInt16LE(start + 18);
    const nodeCount = flags === 1 || flags === 2 ? file.readUInt16LE(start + 20) / 2 : 0;
    for (let index = 0; index < nodeCount; index += 1) {
      const node = start + 24 + file.readUInt16LE(start + 24 + 2 * index);
      const keyBytes = file.readUInt16LE(node + 6);
      inPage.push(...range(start + 24 + 2 * index, 2), ...range(node, 8));
      // Topic names, read as numbers, are larger.
      const isOfNumbers = flags === 2 && keyBytes === 8 && file.readBigUInt64LE(node + 8) < 1000n;
      const isTree = flags === 2 && file.readUInt16LE(node + 4) !== 0;
      if (flags === 1 || isOfNumbers) inPage.push(...range(node + 8, keyBytes));
      // A tree description or the overflow pages of a value; in the list of free pages, the first
      // entry.
      if (isTree || isOfNumbers) inPage.push(...range(node + 8 + keyBytes, 24));
    }
    places.set(page, inPage);
  }
  return places;
}

function range(start: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => start + index);
}
