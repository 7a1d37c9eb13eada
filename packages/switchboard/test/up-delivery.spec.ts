// How the switchboard requests the push subscription, from a server that answers like a consumer.
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { expect } from "chai";
import { pino } from "pino";
import { eventually } from "@shardcast/faults";
import { webhookSecret } from "../src/signature.ts";
import { UpDelivery } from "../src/up-delivery.ts";

interface Asked {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly authorization: string | undefined;
  readonly body: unknown;
}

describe("the push subscription of what users say", () => {
  const asked: Asked[] = [];
  let statuses: number[] = [];
  let server: Server;
  let url: string;

  before(async () => {
    server = createServer((request, response) => {
      let text = "";
      request.setEncoding("utf8").on("data", (part: string) => (text += part));
      request.on("end", () => {
        const { method, headers } = request;
        const { authorization } = headers;
        asked.push({ method, url: request.url, authorization, body: JSON.parse(text) as unknown });
        response.writeHead(statuses.shift() ?? 204).end();
      });
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  after(() => server.close().closeAllConnections());
  beforeEach(() => asked.splice(0));

  function delivery(consumers: readonly string[], adminKey?: string): UpDelivery {
    const options = { consumers, url: "http://back.end/incoming/postback", secret: "whsec_x" };
    return new UpDelivery({ ...options, adminKey }, pino({ level: "silent" }));
  }

  it("is asked for with the key, by name", async () => {
    const up = delivery([url], "the key");
    up.start();
    await eventually("it is taken", () => up.isReady);
    expect(asked).to.deep.equal([
      {
        method: "PUT",
        url: "/push/switchboard",
        authorization: "Bearer the key",
        body: {
          topics: ["switchboard/up/*"],
          url: "http://back.end/incoming/postback",
          secret: "whsec_x",
          from: "earliest",
          retryMs: [200, 500, 1000, 2000, 5000, 10_000],
          retryForMs: 604_800_000,
        },
      },
    ]);
  });

  it("is asked for again until a consumer takes it", async () => {
    statuses = [503, 404];
    const up = delivery(["ws://127.0.0.1:1", url]);
    up.start();
    await eventually("it is taken", () => up.isReady);
    expect(asked).to.have.length(3);
  });

  it("is asked for no more once the switchboard stops", async () => {
    statuses = Array.from({ length: 100 }, () => 503);
    const up = delivery([url]);
    up.start();
    await eventually("it was asked for", () => asked.length > 0);
    await up.close();
    expect(up.isReady).to.be.false;
  });
});

describe("the secret of the original, for Standard Webhooks", () => {
  it("is itself where it is long enough in base64, else its hash", () => {
    const long = Buffer.alloc(64, 7).toString("base64");
    expect(webhookSecret(long)).to.equal(`whsec_${long}`);
    expect(webhookSecret(`whsec_${long}`)).to.equal(`whsec_${long}`);
    for (const secret of ["a secret", Buffer.alloc(8).toString("base64"), "x".repeat(200)]) {
      const key = Buffer.from(webhookSecret(secret).slice("whsec_".length), "base64");
      expect(key).to.have.length(32);
    }
  });
});
