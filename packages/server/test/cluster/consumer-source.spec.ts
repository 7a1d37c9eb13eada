import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ShardcastError } from "@shardcast/protocol";
import { expect } from "chai";
import { pino } from "pino";
import { openConsumers, parseConsumerSource } from "../../src/cluster/consumer-source.ts";
import { Membership } from "../../src/cluster/membership.ts";

const LOGGER = pino({ level: "silent" });
const LIST = "c1=ws://a:1,c2=ws://b:2";
const MEMBERS = [
  { id: "c1", url: "ws://a:1" },
  { id: "c2", url: "ws://b:2" },
];

describe("the source of the consumers", () => {
  let folder = "";
  let file = "";

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "shardcast-consumers-"));
    file = join(folder, "consumers");
  });

  afterEach(() => rmSync(folder, { recursive: true }));

  it("is a list, a file or a name", () => {
    expect(parseConsumerSource(LIST)).to.deep.equal({ type: "list", members: MEMBERS });
    expect(parseConsumerSource("file:/etc/consumers")).to.deep.equal({
      type: "file",
      path: "/etc/consumers",
    });
    expect(parseConsumerSource("dns://tasks.consumer:9100")).to.deep.equal({
      type: "dns",
      host: "tasks.consumer",
      port: 9100,
    });
  });

  for (const value of ["dns://", "dns:host", "dns://host", "dns://host:9100/path", "dns://:9100"]) {
    it(`refuses ${value} with a code`, () => {
      expect(codeOf(() => parseConsumerSource(value))).to.equal("SHARDCAST_OPTION_INVALID");
    });
  }

  it("reads a file with a consumer a line, and follows what becomes of it", async () => {
    writeFileSync(file, "# the first two\nc1=ws://a:1\nc2=ws://b:2\n");
    const opened = await openConsumers({ type: "file", path: file }, 9100);
    expect(opened.members).to.deep.equal(MEMBERS);
    const membership = new Membership(opened.members, () => false);
    opened.follow(membership, LOGGER);
    const changed = nextChange(membership);
    writeFileSync(file, "c1=ws://a:1\n");
    await changed;
    expect(membership.members).to.deep.equal(MEMBERS.slice(0, 1));
  });

  it("keeps what it knows where the file has no list any more", async () => {
    writeFileSync(file, LIST);
    const opened = await openConsumers({ type: "file", path: file }, 9100);
    const membership = new Membership(opened.members, () => false);
    opened.follow(membership, LOGGER);
    writeFileSync(file, "c1=not a url\n");
    await new Promise((resolve) => setTimeout(resolve, 1500));
    const changed = nextChange(membership);
    writeFileSync(file, "c3=ws://c:3\n");
    await changed;
    expect(membership.members).to.deep.equal([{ id: "c3", url: "ws://c:3" }]);
  });

  it("refuses a file that is not there, or has no list, at the start", async () => {
    const open = (): Promise<unknown> => openConsumers({ type: "file", path: file }, 9100);
    expect(await codeOfRejection(open())).to.equal("SHARDCAST_OPTION_INVALID");
    writeFileSync(file, "# nothing\n");
    expect(await codeOfRejection(open())).to.equal("SHARDCAST_OPTION_INVALID");
  });

  it("names those that a host name stands for by their addresses, this node among them", async () => {
    const source = { type: "dns", host: "localhost", port: 9100 } as const;
    const { members, isSelf } = await openConsumers(source, 9100);
    expect(members).to.deep.include({ id: "127.0.0.1:9100", url: "ws://127.0.0.1:9100" });
    const [self] = members;
    expect(self !== undefined && isSelf?.(self)).to.equal(true);
    expect(isSelf?.({ id: "127.0.0.1:9101", url: "" })).to.equal(false);
    expect(isSelf?.({ id: "192.0.2.1:9100", url: "" })).to.equal(false);
  });

  it("knows nobody yet where a name does not resolve", async () => {
    const source = { type: "dns", host: "consumers.invalid", port: 9100 } as const;
    expect((await openConsumers(source, 9100)).members).to.deep.equal([]);
  });

  it("warns of no name that does not resolve yet, while a cluster starts", async () => {
    const source = { type: "dns", host: "consumers.invalid", port: 9100 } as const;
    const opened = await openConsumers(source, 9100);
    const levels: number[] = [];
    const told = new Promise<void>((resolve) => {
      const write = (line: string): void => {
        levels.push((JSON.parse(line) as { level: number }).level);
        resolve();
      };
      opened.follow(new Membership([], () => false), pino({}, { write }));
    });
    await told;
    expect(levels).to.deep.equal([pino.levels.values["info"]]);
  });
});

function nextChange(membership: Membership): Promise<void> {
  return new Promise((resolve) => membership.onChange(() => resolve()));
}

function codeOf(work: () => unknown): string | undefined {
  try {
    work();
  } catch (error) {
    return error instanceof ShardcastError ? error.code : String(error);
  }
  return undefined;
}

async function codeOfRejection(promise: Promise<unknown>): Promise<string | undefined> {
  try {
    await promise;
  } catch (error) {
    return error instanceof ShardcastError ? error.code : String(error);
  }
  return undefined;
}
