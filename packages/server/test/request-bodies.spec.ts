// What a node holds of bodies, without a node: a server with one route that answers when the test says so.
import { once } from "node:events";
import { request, type ClientRequest, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { setImmediate } from "node:timers/promises";
import { expect } from "chai";
import Fastify, { type FastifyInstance } from "fastify";
import { problemOf, sendProblem } from "../src/http/problem.ts";
import { RequestBodies } from "../src/http/request-bodies.ts";

type Status = Promise<number | undefined>;

describe("RequestBodies", () => {
  let http: FastifyInstance;
  let bodies: RequestBodies;
  let port = 0;
  let reached: (() => void)[] = [];
  let answer: (() => void)[] = [];

  beforeEach(async () => {
    reached = [];
    answer = [];
    http = Fastify({ forceCloseConnections: true });
    http.setErrorHandler((error, _request, reply) => sendProblem(reply, problemOf(error)));
    bodies = new RequestBodies({
      isKnown: ({ headers }) => headers["x-known"] !== undefined,
      maxBytes: 100,
      maxUnknownBytes: 30,
    });
    bodies.serve(http);
    http.post("/", { bodyLimit: 80 }, async ({ body }) => {
      const isAnswered = new Promise<void>((resolve) => answer.push(resolve));
      for (const tell of reached.splice(0)) tell();
      await isAnswered;
      return { bytes: (body as Uint8Array).length };
    });
    await http.listen({ port: 0, host: "127.0.0.1" });
    ({ port } = http.server.address() as AddressInfo);
  });

  afterEach(() => http.close());

  function post(isKnown: boolean): ClientRequest {
    const headers = { "transfer-encoding": "chunked", ...(isKnown ? { "x-known": "1" } : {}) };
    return request({ port, host: "127.0.0.1", method: "POST", headers, agent: false });
  }

  /** A request whose handler has its body, or which was answered before. */
  async function held(isKnown: boolean, bytes: number): Promise<{ readonly status: Status }> {
    const isReached = new Promise<void>((resolve) => reached.push(resolve));
    const sent = post(isKnown);
    const status = once(sent, "response").then(([response]) => {
      (response as IncomingMessage).resume();
      return (response as IncomingMessage).statusCode;
    });
    sent.end(Buffer.alloc(bytes));
    await Promise.race([isReached, status]);
    return { status };
  }

  async function holding(bytes: number): Promise<void> {
    while (bodies.bytes !== bytes) await setImmediate();
  }

  it("holds a body until it is answered", async () => {
    const { status } = await held(true, 60);
    expect(bodies.bytes).to.equal(60);
    for (const tell of answer) tell();
    expect(await status).to.equal(200);
    expect(bodies.bytes).to.equal(0);
  });

  it("refuses what is over the limit of a route, and holds none of it", async () => {
    const { status } = await held(true, 81);
    expect([await status, bodies.bytes]).to.deep.equal([413, 0]);
  });

  it("refuses what all of them together may not be", async () => {
    const first = await held(true, 70);
    const second = await held(true, 40);
    expect([await second.status, bodies.bytes]).to.deep.equal([503, 70]);
    for (const tell of answer) tell();
    expect(await first.status).to.equal(200);
  });

  it("keeps room for those who are known", async () => {
    const first = await held(false, 20);
    const second = await held(false, 20);
    const known = await held(true, 70);
    expect([await second.status, bodies.bytes]).to.deep.equal([503, 90]);
    for (const tell of answer) tell();
    expect([await first.status, await known.status, bodies.bytes]).to.deep.equal([200, 200, 0]);
  });

  it("holds nothing of a body that is broken off", async () => {
    const sent = post(true);
    sent.on("error", () => undefined);
    const received = once(http.server, "request") as Promise<[IncomingMessage]>;
    sent.write(Buffer.alloc(50));
    const [message] = await received;
    await holding(50);
    sent.destroy();
    if (!message.closed) await once(message, "close").catch(() => undefined);
    await holding(0);
  });
});
