// Which ports are free, asked of the operating system before anything is started.
import { createServer, type AddressInfo, type Server } from "node:net";
import { ShardcastError } from "@shardcast/protocol";
import { codeOf, reasonOf } from "./fault.ts";

/**
 * Checks that all these ports can be listened on; 0 stands for any free one.
 * @returns the ports in the same order, each 0 replaced
 * @throws SHARDCAST_PORT_TAKEN, naming the port
 */
export async function claimPorts(host: string, ports: readonly number[]): Promise<number[]> {
  const servers: Server[] = [];
  try {
    // All are held until the last is checked, so that no two get the same.
    for (const port of ports) servers.push(await listen(host, port));
    return servers.map(portOf);
  } finally {
    await Promise.all(servers.map(close));
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
    const detail = `port ${port} is taken by another process`;
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
