import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ShardcastError } from "@shardcast/protocol";
import { expect } from "chai";
import { selfSigned } from "@shardcast/webhooks/testing";
import { readCertificates } from "../../src/options/certificates.ts";

describe("files of certificates", () => {
  let folder = "";
  let file = "";

  before(() => {
    folder = mkdtempSync(join(tmpdir(), "shardcast-certificates-"));
    file = join(folder, "ca.pem");
  });

  after(() => rmSync(folder, { recursive: true }));

  it("have one or many, among whatever else", () => {
    const { cert } = selfSigned("localhost");
    writeFileSync(file, `# ours\n${cert}\n# and again\n${cert}`);
    const found = readCertificates("--tls-ca", file);
    expect(found).to.deep.equal([cert.trim(), cert.trim()]);
  });

  for (const [what, content, fault] of [
    ["nothing", "", "has no certificate in PEM"],
    ["text", "garbage", "has no certificate in PEM"],
    [
      "what looks like one",
      "-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----\n",
      "certificate 1 cannot be understood",
    ],
  ] as const) {
    it(`are refused with ${what} in them`, () => {
      writeFileSync(file, content);
      expect(() => readCertificates("--redis-ca", file))
        .to.throw(ShardcastError, `--redis-ca ${file}`)
        .with.property("message")
        .that.includes(fault);
    });
  }

  it("are refused where they cannot be read", () => {
    for (const path of [join(folder, "none"), folder]) {
      expect(() => readCertificates("--push-ca", path)).to.throw(ShardcastError, "cannot be read");
    }
  });
});
