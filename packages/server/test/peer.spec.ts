import { once } from "node:events";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { PskKeys } from "@shardcast/protocol/proof";
import { expect } from "chai";
import pino from "pino";
import { Peer } from "../src/peer.ts";

describe("a link to another node", () => {
  it("goes to no address without TLS where the node was told to use TLS", async () => {
    let count = 0;
    const server = createServer((socket) => {
      count += 1;
      socket.destroy();
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const options = {
      member: { id: "c1", url },
      endpoint: "relay",
      keys: new PskKeys("the key of the tests"),
      logger: pino({ level: "silent" }),
    } as const;
    const ignore = (): void => undefined;
    const handler = { opened: ignore, received: ignore, lost: ignore };
    const strict = new Peer({ ...options, tls: { ca: undefined, isRequired: true } }, handler);
    strict.start();
    expect(strict.fault).to.match(/without TLS.*--advertise wss:/);
    const other = new Peer({ ...options, tls: { ca: undefined, isRequired: false } }, handler);
    other.start();
    await once(server, "connection");
    expect(count).to.equal(1);
    other.close();
    strict.close();
    server.close();
  });
});
