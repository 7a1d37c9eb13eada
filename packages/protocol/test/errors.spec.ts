import { expect } from "chai";
import {
  ERRORS,
  ShardcastError,
  closeCodeOf,
  isErrorCode,
  isReconnectable,
  type CloseReason,
  type ErrorCode,
  type ErrorEntry,
} from "../src/errors.ts";

const ENTRIES = Object.entries(ERRORS) as [ErrorCode, ErrorEntry][];

describe("ERRORS", () => {
  it("names every code SHARDCAST_<SUBJECT>_<FACT>, in at most 123 bytes", () => {
    for (const [code] of ENTRIES) {
      expect(code).to.match(/^SHARDCAST(_[A-Z]+){1,3}$/);
      // The code must fit into the reason of a close frame (RFC 6455 §5.5).
      expect(Buffer.byteLength(code)).to.be.at.most(123);
    }
  });

  it("gives every close code to one code only, and says in it whether to reconnect", () => {
    const closeCodes = ENTRIES.flatMap(([, entry]) => entry.closeCode ?? []);
    expect(new Set(closeCodes).size).to.equal(closeCodes.length);
    for (const [code, entry] of ENTRIES) {
      if (entry.closeCode === undefined) continue;
      expect(entry.closeCode).to.be.within(4000, 4999);
      expect(isReconnectable(entry.closeCode), code).to.equal(entry.retryable);
      expect(closeCodeOf(code as CloseReason)).to.equal(entry.closeCode);
    }
  });

  it("has a sentence for each, in lower case and without a full stop", () => {
    for (const [, { message }] of ENTRIES) expect(message).to.match(/^[a-z].*[^.]$/);
  });
});

describe("ShardcastError", () => {
  it("carries its code, whether a retry can help, and its cause", () => {
    const cause = new Error("why");
    const error = new ShardcastError("SHARDCAST_WINDOW_FULL", "4096 of 4096", { cause });
    expect(error).to.be.instanceOf(Error);
    expect(error).to.include({
      name: "ShardcastError",
      code: "SHARDCAST_WINDOW_FULL",
      retryable: true,
      message: "4096 of 4096",
      cause,
    });
  });

  it("says what the table says where it is told nothing else", () => {
    for (const [code, { message, retryable }] of ENTRIES) {
      expect(new ShardcastError(code)).to.include({ code, message, retryable });
    }
  });
});

describe("isErrorCode", () => {
  it("knows the table's codes and no others", () => {
    for (const [code] of ENTRIES) expect(isErrorCode(code)).to.equal(true);
    for (const text of ["", "SHARDCAST_LATER", "__proto__", "constructor", "toString"]) {
      expect(isErrorCode(text)).to.equal(false);
    }
  });
});

describe("isReconnectable", () => {
  it("follows the ranges", () => {
    const yes = [1000, 1001, 1005, 1006, 1008, 1011, 1012, 3000, 3499, 4000, 4499];
    const no = [1009, 3500, 3999, 4500, 4999];
    expect(yes.filter(isReconnectable)).to.deep.equal(yes);
    expect(no.filter(isReconnectable)).to.deep.equal([]);
  });
});
