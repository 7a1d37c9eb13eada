// Finds free ports by listening on them, before any node starts.
import { randomInt } from "node:crypto";
import { createServer, type AddressInfo, type Server } from "node:net";
import { ShardcastError } from "@shardcast/protocol";
import { codeOf, reasonOf } from "./fault.ts";

/**
 * Below the range that systems use for outgoing connections: a port in that range could be taken before the node
 * listens.
 */
const PICK_MIN = 10_000;
const PICK_MAX = 32_000;
const PICK_TRIES = 100;

/**
 * Checks that all these ports are free; 0 stands for any free port.
 * @returns the ports in the same order, each 0 replaced
 * @throws SHARDCAST_PORT_TAKEN with the port in its message
 */
export async function claimPorts(host: string, ports: readonly number[]): Promise<number[]> {
  const servers: Server[] = [];
  try {
    // All ports stay open until the last is checked, so that no two are equal.
    for (const port of ports) {
      servers.push(port === 0 ? await listenAnywhere(host) : await listen(host, port));
    }
    return servers.map(portOf);
  } finally {
    await Promise.all(servers.map(close));
  }
}

async function listenAnywhere(host: string): Promise<Server> {
  for (let left = PICK_TRIES; ; left -= 1) {
    try {
      return await listen(host, randomInt(PICK_MIN, PICK_MAX));
    } catch (error) {
      const isTaken = error instanceof ShardcastError && error.code === "SHARDCAST_PORT_TAKEN";
      if (!isTaken || left === 0) throw error;
    }
  }
}

function listen(host: string, port: number): Promise<Server> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once("error", (cause) => reject(listenFault(cause, host, port)));
    server.listen({ host, port }, () => resolve(server));
  });
}

function listenFault(cause: Error, host: string, port: number): ShardcastError {
  if (codeOf(cause) === "EADDRINUSE") {
    const detail = `another process uses port ${port}`;
    return new ShardcastError("SHARDCAST_PORT_TAKEN", detail, { cause });
  }
  const detail = `cannot listen on ${host} port ${port}: ${reasonOf(cause)}`;
  return new ShardcastError("SHARDCAST_OPTION_INVALID", detail, { cause });
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
  });
}
