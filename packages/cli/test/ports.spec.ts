import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { ShardcastError } from "@shardcast/protocol";
import { expect } from "chai";
import { claimPorts } from "../src/ports.ts";

const HOST = "127.0.0.1";

async function faultOf(promise: Promise<unknown>): Promise<ShardcastError> {
  const error: unknown = await promise.then(
    () => undefined,
    (fault: unknown) => fault,
  );
  if (error instanceof ShardcastError) return error;
  throw new Error("nothing was thrown");
}

describe("claimPorts", () => {
  it("gives another free port for each 0, and leaves them free", async () => {
    const ports = await claimPorts(HOST, [0, 0, 0, 0]);

    expect(new Set(ports).size).to.equal(4);
    expect(await claimPorts(HOST, ports)).to.deep.equal(ports);
  });

  it("names a taken port, and leaves the others free", async () => {
    const server = createServer().listen(0, HOST);
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const [free = 0] = await claimPorts(HOST, [0]);

    const fault = await faultOf(claimPorts(HOST, [free, port]));
    server.close();

    expect(fault.code).to.equal("SHARDCAST_PORT_TAKEN");
    expect(fault.message).to.include(String(port));
    expect(await claimPorts(HOST, [free])).to.deep.equal([free]);
  });

  it("refuses the same port twice", async () => {
    const [port = 0] = await claimPorts(HOST, [0]);

    expect((await faultOf(claimPorts(HOST, [port, port]))).code).to.equal("SHARDCAST_PORT_TAKEN");
  });

  it("says that a host is not this machine's", async () => {
    // A documentation address (RFC 5737), which no machine has.
    const fault = await faultOf(claimPorts("192.0.2.1", [0]));

    expect(fault.code).to.equal("SHARDCAST_OPTION_INVALID");
    expect(fault.message).to.include("192.0.2.1");
  });
});
