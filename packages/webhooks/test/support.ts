// Shared by the specs of this package: local servers with arbitrary behaviour, and a check for refused options.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import { createServer as createTlsServer } from "node:https";
import {
  createServer as createTcpServer,
  type AddressInfo,
  type Server,
  type Socket,
} from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ShardcastError } from "@shardcast/protocol";
import { expect } from "chai";

export interface LocalServer {
  readonly port: number;
  /** Number of connections so far. */
  readonly connections: number;
  /** Number of open connections. */
  readonly open: number;
  close(): Promise<void>;
}

export async function serveHttp(listener: RequestListener): Promise<LocalServer> {
  return listen(createServer(listener));
}

/** A server that answers with the bytes that the listener writes. */
export async function serveTcp(listener: (socket: Socket) => void): Promise<LocalServer> {
  return listen(createTcpServer(listener));
}

export async function serveTls(
  certificate: { key: string; cert: string },
  listener: RequestListener,
): Promise<LocalServer> {
  return listen(createTlsServer(certificate, listener));
}

async function listen(server: Server): Promise<LocalServer> {
  const sockets = new Set<Socket>();
  let connections = 0;
  server.on("connection", (socket: Socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    get connections() {
      return connections;
    },
    get open() {
      return sockets.size;
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A self-signed certificate for `name`. */
export function selfSigned(name: string): { key: string; cert: string } {
  const folder = mkdtempSync(join(tmpdir(), "shardcast-webhooks-"));
  try {
    const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    const subject = ["-subj", `/CN=${name}`, "-addext", `subjectAltName=DNS:${name}`];
    const files = ["-keyout", "key.pem", "-out", "cert.pem"];
    const args = ["req", "-x509", ...key, ...files, ...subject, "-days", "2"];
    execFileSync("openssl", args, { cwd: folder, stdio: "ignore" });
    const read = (file: string): string => readFileSync(join(folder, file), "utf8");
    return { key: read("key.pem"), cert: read("cert.pem") };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Waits until a condition is true. */
export async function until(isMet: () => boolean): Promise<void> {
  while (!isMet()) await new Promise((resolve) => setTimeout(resolve, 5));
}

export function expectOptionInvalid(action: () => unknown): ShardcastError {
  try {
    action();
  } catch (error) {
    expect(error).to.be.instanceOf(ShardcastError);
    const refused = error as ShardcastError;
    expect(refused.code).to.equal("SHARDCAST_OPTION_INVALID");
    return refused;
  }
  throw new Error("it was not refused");
}

export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
