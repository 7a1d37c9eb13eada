import { createHash, createHmac } from "node:crypto";
import { expect } from "chai";
import fc from "fast-check";
import {
  canonicalString,
  signApiAuth,
  verifyApiAuth,
  type BackEndRequest,
} from "../src/api-auth.ts";

const NOW = Date.UTC(2026, 0, 2, 3, 4, 5);
const secret = "a secret of the back end";

/** The request from the original's own tests. */
const VECTOR = {
  secret:
    "kqhoPLrrF2MkF9cOz166UJrnAYpZRl5HblaTaUw54Fg4guk3RkxRqtAmrUmJ5fiNOx6Q07vxiX1/iJA7sT3xig==",
  request: {
    method: "POST",
    url: "/",
    headers: {
      "content-type": "application/json",
      "content-md5": "HT7pfmQzVqiA/DMPqomcEA==",
      date: "Thu, 24 Sep 2020 16:01:14 GMT",
    },
    body: new Uint8Array(),
  },
  signature: "u7W5NIxeim9LMkycsJMZxVAk5S0=",
} as const;

describe("the signature of the original back end", () => {
  function signed(text = '{"to":"x"}', url = "/"): BackEndRequest {
    const request = { method: "POST", url, body: Buffer.from(text) };
    return { ...request, headers: { ...signApiAuth(request, { secret }, NOW) } };
  }

  function codeOf(request: BackEndRequest, options = { secret }, now = NOW): string {
    const verdict = verifyApiAuth(request, options, now);
    return "code" in verdict ? verdict.code : "";
  }

  function withHeaders(request: BackEndRequest, headers: Record<string, string>): BackEndRequest {
    return { ...request, headers: { ...request.headers, ...headers } };
  }

  /** Signed as `APIAuth`, with HMAC-SHA1. */
  function signedBySha1(headers: Record<string, string>, body: string): BackEndRequest {
    const request = { method: "POST", url: "/", headers, body: Buffer.from(body) };
    const signature = createHmac("sha1", secret).update(canonicalString(request)).digest("base64");
    return withHeaders(request, { authorization: `APIAuth concierge:${signature}` });
  }

  it("is that of the original, to the byte", () => {
    const canonical = canonicalString(VECTOR.request);
    expect(canonical).to.equal(
      "POST,application/json,HT7pfmQzVqiA/DMPqomcEA==,/,Thu, 24 Sep 2020 16:01:14 GMT",
    );
    const signature = createHmac("sha1", VECTOR.secret).update(canonical).digest("base64");
    expect(signature).to.equal(VECTOR.signature);
    const request = withHeaders(VECTOR.request, { authorization: `APIAuth id:${signature}` });
    const options = { secret: VECTOR.secret };
    const then = Date.parse(VECTOR.request.headers.date);
    // The signature is valid, but the hash is that of another body, and the date is too old today.
    expect(codeOf(request, options, then)).to.equal("SWITCHBOARD_BODY_CHANGED");
    expect(codeOf(request, options, NOW)).to.equal("SWITCHBOARD_SIGNATURE_STALE");
  });

  it("is taken in all its forms", () => {
    const body = '{"to":"ä"}';
    const hash = (name: string): string => createHash(name).update(body).digest("base64");
    const common = { "content-type": "application/json", date: new Date(NOW).toUTCString() };
    expect(codeOf(signed())).to.equal("");
    expect(codeOf(signed("{}", "/?a=b"))).to.equal("");
    const sha256 = { ...common, "x-authorization-content-sha256": hash("sha256") };
    expect(codeOf(signedBySha1(sha256, body))).to.equal("");
    expect(codeOf(signedBySha1({ ...common, "content-md5": hash("md5") }, body))).to.equal("");
  });

  it("is refused with another secret, or by another access id where one is named", () => {
    expect(codeOf(signed(), { secret: "another secret" })).to.equal("SWITCHBOARD_SIGNATURE_WRONG");
    const verdict = verifyApiAuth(signed(), { secret, accessId: "somebody" }, NOW);
    expect(verdict).to.have.property("code", "SWITCHBOARD_SIGNATURE_WRONG");
    expect(verifyApiAuth(signed(), { secret, accessId: "concierge" }, NOW)).to.have.property(
      "time",
    );
  });

  it("is refused where any part of what is signed is another", () => {
    const request = signed();
    const changed: BackEndRequest[] = [
      { ...request, method: "PUT" },
      { ...request, url: "/?more" },
      withHeaders(request, { "content-type": "text/plain" }),
      withHeaders(request, { date: new Date(NOW + 1000).toUTCString() }),
      withHeaders(request, { "x-authorization-content-sha256": "AAAA" }),
    ];
    for (const each of changed) expect(codeOf(each)).to.equal("SWITCHBOARD_SIGNATURE_WRONG");
  });

  it("binds the body, and nothing is signed without its hash", () => {
    expect(codeOf({ ...signed(), body: Buffer.from('{"to":"y"}') })).to.equal(
      "SWITCHBOARD_BODY_CHANGED",
    );
    const date = new Date(NOW).toUTCString();
    expect(codeOf(signedBySha1({ date }, "{}"))).to.equal("SWITCHBOARD_BODY_CHANGED");
  });

  it("is good for 900 s either way, ends included, and with no date for none", () => {
    for (const ms of [-900_000, 0, 900_000])
      expect(codeOf(signed(), { secret }, NOW + ms)).to.equal("");
    for (const ms of [-901_000, 901_000]) {
      expect(codeOf(signed(), { secret }, NOW + ms)).to.equal("SWITCHBOARD_SIGNATURE_STALE");
    }
    for (const date of ["", "yesterday", "NaN"]) {
      expect(codeOf(signedBySha1({ date }, "{}"))).to.equal("SWITCHBOARD_SIGNATURE_STALE");
    }
  });

  it("names a request the same each time, and no two alike", () => {
    const idOf = (text: string): unknown => {
      const verdict = verifyApiAuth(signed(text), { secret }, NOW);
      return "requestId" in verdict ? verdict.requestId : undefined;
    };
    expect(idOf("{}")).to.be.a("string").and.equal(idOf("{}"));
    expect(idOf("{}")).to.not.equal(idOf("[]"));
  });

  it("is malformed where it is of no form", () => {
    const headers = [
      "",
      "APIAuth",
      "APIAuth x",
      "APIAuth :x",
      "APIAuth x:",
      "Bearer a:b",
      "apiauth a:b",
    ];
    for (const authorization of [...headers, "APIAuth-HMAC-MD5 a:b"]) {
      expect(codeOf(withHeaders(signed(), { authorization })), authorization).to.equal(
        "SWITCHBOARD_SIGNATURE_MALFORMED",
      );
    }
  });

  it("takes every body that was signed, and no other", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (text, other) => {
        expect(codeOf(signed(text))).to.equal("");
        if (other === text) return;
        expect(codeOf({ ...signed(text), body: Buffer.from(other) })).to.equal(
          Buffer.from(other).equals(Buffer.from(text)) ? "" : "SWITCHBOARD_BODY_CHANGED",
        );
      }),
    );
  });

  it("never throws, whatever the headers", () => {
    const value = fc.oneof(fc.string(), fc.constant(undefined), fc.array(fc.string()));
    const names = ["authorization", "date", "content-type", "content-md5"];
    const headers = fc.dictionary(fc.constantFrom(...names), value);
    fc.assert(
      fc.property(headers, fc.string(), (each, text) => {
        const request = { method: "POST", url: "/", headers: each, body: Buffer.from(text) };
        expect(verifyApiAuth(request, { secret }, NOW)).to.have.property("code");
      }),
    );
  });
});
