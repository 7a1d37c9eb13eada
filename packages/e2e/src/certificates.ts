// Certificates for tests, made by openssl: a certificate authority, and certificates for 127.0.0.1
// that it signs.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export class Certificates {
  readonly folder = mkdtempSync(join(tmpdir(), "shardcast-tls-"));
  readonly caFile = join(this.folder, "ca.pem");
  readonly certFile = join(this.folder, "node.pem");
  readonly keyFile = join(this.folder, "node-key.pem");
  readonly #caKeyFile = join(this.folder, "ca-key.pem");

  constructor() {
    const { caFile } = this;
    const subject = ["-subj", "/CN=the authority of the tests", "-days", "2"];
    const keys = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
    openssl("req", "-x509", ...keys, "-keyout", this.#caKeyFile, "-out", caFile, ...subject);
    this.sign("first");
  }

  get ca(): string {
    return readFileSync(this.caFile, "utf8");
  }

  /** Replaces the node's certificate with a new one that has this name. */
  sign(name: string): void {
    const { folder, caFile, certFile, keyFile } = this;
    const request = join(folder, "request.pem");
    const names = join(folder, "names.cnf");
    writeFileSync(names, "subjectAltName=IP:127.0.0.1,DNS:localhost\n");
    const keys = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
    openssl("req", ...keys, "-keyout", keyFile, "-out", request, "-subj", `/CN=${name}`);
    const authority = ["-CA", caFile, "-CAkey", this.#caKeyFile, "-CAcreateserial"];
    const signed = ["-in", request, "-out", certFile, "-extfile", names, "-days", "2"];
    openssl("x509", "-req", ...authority, ...signed);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function openssl(...args: readonly string[]): void {
  execFileSync("openssl", args, { stdio: ["ignore", "ignore", "pipe"] });
}
