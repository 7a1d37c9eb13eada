import { once } from "node:events";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import { NodeHandshake, SUBPROTOCOLS, decodeFrames, encodeFrame } from "@shardcast/protocol";
import { PskKeys, createNonce } from "@shardcast/protocol/proof";
import { expect } from "chai";
import pino from "pino";
import { WebSocketServer } from "ws";
import { Peer } from "../../src/peer/peer.ts";

const WELCOME = {
  ...{ nodeId: "c1", linkId: "1", maxPayloadBytes: 1000, maxTopics: 10, windowMessages: 10 },
  heartbeatMs: 1000,
};

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

  it("is dialled ever later where it is cut as soon as it is open", async () => {
    const keys = new PskKeys("the key of the tests");
    const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
    await once(server, "listening");
    server.on("connection", (socket) => {
      const context = { endpoint: "relay", subprotocol: SUBPROTOCOLS.binary } as const;
      const nonce = createNonce();
      const handshake = new NodeHandshake(keys, context, nonce);
      socket.send(encodeFrame({ type: "challenge", nonce }));
      socket.once("message", (data: Buffer) => {
        const [proof] = decodeFrames(data);
        if (proof?.type !== "proof") throw new Error("no proof");
        const welcome = handshake.accept(proof, WELCOME);
        if (welcome === undefined) throw new Error("the key is another");
        socket.send(encodeFrame(welcome), () => socket.terminate());
      });
    });
    const waits: number[] = [];
    const log = {
      write(line: string): void {
        const { retryInMs } = JSON.parse(line) as { retryInMs?: number };
        if (retryInMs !== undefined) waits.push(retryInMs);
      },
    };
    let openCount = 0;
    const peer = new Peer(
      {
        member: {
          id: "c1",
          url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`,
        },
        ...{ endpoint: "relay", keys, tls: { ca: undefined, isRequired: false } },
        logger: pino({ level: "warn" }, log),
      },
      {
        opened: () => (openCount += 1),
        received: () => undefined,
        lost: () => undefined,
      },
    );
    peer.start();
    // The first waits are at most 100 and 200 ms.
    while (!waits.some((wait) => wait > 200) && waits.length < 12) await wait(10);
    expect(Math.max(...waits)).to.be.greaterThan(200);
    expect(openCount).to.be.at.least(waits.length);
    peer.close();
    server.close();
  });
});
