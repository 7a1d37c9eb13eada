import { mkdirSync, readFileSync } from "node:fs";
import { expect } from "chai";
import { NodeLog, readLogLine } from "../src/node-log.ts";
import { TempFolder } from "./support.ts";

describe("readLogLine", () => {
  it("knows the line with which a node says that it listens", () => {
    expect(readLogLine('{"level":"info","msg":"listening"}')).to.deep.equal({
      isListening: true,
      remark: undefined,
    });
    for (const msg of ["ready", "stopping"]) {
      expect(readLogLine(JSON.stringify({ level: "info", msg })).isListening).to.equal(false);
    }
  });

  it("shows warnings and errors, with what they are about", () => {
    const warning = { level: "warn", msg: "no link to peer", peer: "c2", fault: "code 1006" };
    expect(readLogLine(JSON.stringify(warning)).remark).to.deep.equal({
      level: "warn",
      text: "no link to peer c2: code 1006",
      peer: "c2",
    });
    const error = { level: "error", msg: "a topic failed", error: { message: "no room" } };
    expect(readLogLine(JSON.stringify(error)).remark).to.deep.equal({
      level: "error",
      text: "a topic failed: no room",
      peer: undefined,
    });
  });

  it("takes whatever is no log line for nothing to show", () => {
    for (const line of [
      "",
      "text",
      "null",
      "1",
      "[]",
      "{}",
      '{"level":"warn"}',
      '{"level":',
      '"ready"',
    ]) {
      expect(readLogLine(line)).to.deep.equal({ isListening: false, remark: undefined });
    }
  });
});

describe("NodeLog", () => {
  const folder = new TempFolder();
  after(() => folder.remove());

  it("appends to what is there", async () => {
    const file = folder.join("c1.log");
    for (const line of ["one", "two"]) {
      const log = new NodeLog(file, () => undefined);
      log.append(line);
      await log.close();
    }

    expect(readFileSync(file, "utf8")).to.equal("one\ntwo\n");
  });

  it("tells once that a file cannot be written, and goes on", async () => {
    mkdirSync(folder.join("c2.log"));
    const faults: Error[] = [];
    const log = await new Promise<NodeLog>((resolve) => {
      const opened = new NodeLog(folder.join("c2.log"), (error) => {
        faults.push(error);
        resolve(opened);
      });
      opened.append("one");
    });
    log.append("two");
    await log.close();

    expect(faults).to.have.lengthOf(1);
  });
});
