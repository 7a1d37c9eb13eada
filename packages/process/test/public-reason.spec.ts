import { expect } from "chai";
import { publicReason } from "../src/public-reason.ts";

describe("the reason that strangers are told", () => {
  for (const [message, code, told] of [
    ["connect ECONNREFUSED 10.1.2.3:6379", "ECONNREFUSED", "ECONNREFUSED"],
    ["getaddrinfo ENOTFOUND redis.internal", "ENOTFOUND", "ENOTFOUND"],
    ["MOVED 3999 10.1.2.3:6381", undefined, "MOVED 3999 …"],
    ["no route to [fd00::1]:9100", undefined, "no route to …"],
    ["redis-master:6379 is read-only", undefined, "… is read-only"],
    ["the disk is full", undefined, "the disk is full"],
  ] as const) {
    it(`has no address: ${message}`, () => {
      const error = Object.assign(new Error(message), code === undefined ? {} : { code });
      expect(publicReason(error)).to.equal(told);
    });
  }
});
