// What a node holds of bodies, without a node: a server with one route that answers when the test says so.
import { once } from "node:events";
import { request, type ClientRequest, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { setImmediate } from "node:timers/promises";
import { expect } from "chai";
import Fastify, { type FastifyInstance } from "fastify";
import { problemOf, sendProblem } from "../../src/http/problem.ts";
import { RequestBodies } from "../../src/http/request-bodies.ts";

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
      senderOf: ({ headers }) => ({
        holders: headers["x-holder"] === undefined ? [] : [String(headers["x-holder"])],
        isKnown: headers["x-known"] !== undefined,
      }),
      maxBytes: 100,
      maxBytesEach: 60,
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

  function post(isKnown: boolean, holder?: string): ClientRequest {
    const headers = {
      "transfer-encoding": "chunked",
      ...(isKnown ? { "x-known": "1" } : {}),
      ...(holder === undefined ? {} : { "x-holder": holder }),
    };
    return request({ port, host: "127.0.0.1", method: "POST", headers, agent: false });
  }

  function statusOf(sent: ClientRequest): Status {
    return once(sent, "response").then(([response]) => {
      (response as IncomingMessage).resume();
      return (response as IncomingMessage).statusCode;
    });
  }

  /** A request whose handler has its body, or which was answered before. */
  async function held(
    isKnown: boolean,
    bytes: number,
    holder?: string,
  ): Promise<{ readonly status: Status }> {
    const isReached = new Promise<void>((resolve) => reached.push(resolve));
    const sent = post(isKnown, holder);
    const status = statusOf(sent);
    sent.end(Buffer.alloc(bytes));
    await Promise.race([isReached, status]);
    return { status };
  }

  /** A request of which so much was read, and whose end does not come. */
  async function unfinished(isKnown: boolean, bytes: number, holder?: string): Promise<Status> {
    const before = bodies.bytes;
    const sent = post(isKnown, holder);
    sent.on("error", () => undefined);
    const status = statusOf(sent).catch(() => undefined);
    sent.write(Buffer.alloc(bytes));
    await holding(before + bytes);
    return status;
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

  it("gives one user, or address, no more than its share", async () => {
    const first = await held(true, 40, "a");
    const second = await held(true, 40, "a");
    const other = await held(true, 40, "b");
    expect([await second.status, bodies.bytes]).to.deep.equal([503, 80]);
    for (const tell of answer) tell();
    expect([await first.status, await other.status, bodies.bytes]).to.deep.equal([200, 200, 0]);
  });

  it("keeps room for those who are known", async () => {
    const pending = [unfinished(false, 25, "a")];
    await holding(25);
    pending.push(unfinished(false, 25, "b"));
    await holding(50);
    const known = await held(true, 50);
    for (const tell of answer) tell();
    expect([await known.status, bodies.bytes]).to.deep.equal([200, 50]);
  });

  it("lets a body in for one that does not come to its end, of the same address or of any", async () => {
    const stalled = unfinished(false, 25, "a");
    await holding(25);
    const same = await held(false, 20, "a");
    expect(await stalled).to.equal(503);
    const others = unfinished(false, 30, "b");
    await holding(50);
    for (const tell of answer.splice(0)) tell();
    expect(await same.status).to.equal(200);
    const more = unfinished(false, 20, "c");
    await holding(50);
    const last = await held(false, 30, "d");
    expect(await others).to.equal(503);
    for (const tell of answer) tell();
    expect([await last.status, bodies.bytes]).to.deep.equal([200, 20]);
    void more;
  });

  it("counts a body for nobody any more as soon as its sender is known", async () => {
    const whole = await held(false, 30, "a");
    const next = await held(false, 30, "a");
    for (const tell of answer) tell();
    expect([await whole.status, await next.status, bodies.bytes]).to.deep.equal([200, 200, 0]);
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
