import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { ShardcastError } from "@shardcast/protocol";
import { expect } from "chai";
import type { PostResult } from "../src/post-result.ts";
import { signWebhook } from "../src/sign-webhook.ts";
import { verifyWebhook } from "../src/verify-webhook.ts";
import { WebhookKeys } from "../src/webhook-keys.ts";
import { WebhookSender, type WebhookSenderOptions } from "../src/webhook-sender.ts";
import {
  bytesOf,
  expectOptionInvalid,
  selfSigned,
  serveHttp,
  serveTcp,
  serveTls,
  until,
  type LocalServer,
} from "./support.ts";
import { describeWith } from "@shardcast/faults/testing";

const LOOPBACK = { allow: ["127.0.0.0/8"], isHttpAllowed: true };
const BODY = bytesOf("hello");
const POST = { headers: {}, body: BODY };
const NOW_MS = Date.UTC(2025, 10, 6, 8, 49, 0);

describe("WebhookSender", () => {
  const closers: (() => unknown)[] = [];

  afterEach(async () => {
    for (const close of closers.splice(0)) await close();
  });

  function sender(options: WebhookSenderOptions = LOOPBACK): WebhookSender {
    const made = new WebhookSender(options);
    closers.unshift(() => made.close());
    return made;
  }

  async function opened(server: Promise<LocalServer>): Promise<LocalServer> {
    const open = await server;
    closers.push(() => open.close());
    return open;
  }

  function url({ port }: LocalServer, path = "/"): string {
    return `http://127.0.0.1:${port}${path}`;
  }

  /** The result of an attempt at an endpoint that writes these bytes. */
  async function resultOfBytes(text: string, timeoutMs = 10_000): Promise<PostResult> {
    const server = await opened(
      serveTcp((socket) => socket.once("data", () => socket.end(text, "latin1"))),
    );
    return sender().post(url(server), { ...POST, timeoutMs });
  }

  async function resultOfStatus(status: number, headers = {}, body = ""): Promise<PostResult> {
    const server = await opened(
      serveHttp((request, response) => {
        request.resume();
        response.writeHead(status, headers).end(body);
      }),
    );
    return sender({ ...LOOPBACK, now: () => NOW_MS }).post(url(server), POST);
  }

  it("delivers the very bytes, with headers that verify", async () => {
    const keys = new WebhookKeys(["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]);
    const got: { request: IncomingMessage; body: Buffer }[] = [];
    const server = await opened(
      serveHttp((request, response) => {
        const chunks: Buffer[] = [];
        request.on("data", (chunk: Buffer) => chunks.push(chunk));
        request.on("end", () => {
          got.push({ request, body: Buffer.concat(chunks) });
          response.end("thanks");
        });
      }),
    );
    const body = Uint8Array.from({ length: 100_000 }, (_, index) => index & 0xff);
    const signed = signWebhook({ id: "msg_1", timestampS: 1_614_265_330, body }, keys);
    const headers = { ...signed, "content-type": "application/octet-stream" };
    const result = await sender().post(url(server, "/a?b=c"), { headers, body });
    expect(result).to.deep.equal({ type: "delivered", status: 200 });
    const [first] = got;
    expect(first?.request.method).to.equal("POST");
    expect(first?.request.url).to.equal("/a?b=c");
    expect(first?.request.headers["content-length"]).to.equal("100000");
    expect(first?.request.headers.host).to.equal(`127.0.0.1:${server.port}`);
    const received = {
      headers: first?.request.headersDistinct ?? {},
      body: first?.body ?? BODY,
      nowMs: 1_614_265_330_000,
    };
    expect(verifyWebhook(received, keys).type).to.equal("valid");
  });

  describe("the status", () => {
    for (const status of [200, 201, 202, 204, 299]) {
      it(`${status} is delivered`, async () => {
        expect(await resultOfStatus(status)).to.deep.equal({ type: "delivered", status });
      });
    }

    for (const status of [408, 425, 429, 500, 502, 503, 504, 599]) {
      it(`${status} is to be retried`, async () => {
        const reason = `status ${status}`;
        expect(await resultOfStatus(status)).to.deep.equal({ type: "retry", status, reason });
      });
    }

    it("410 is gone", async () => {
      const result = await resultOfStatus(410, {}, "bye");
      expect(result).to.deep.equal({ type: "gone", status: 410, reason: "status 410: bye" });
    });

    for (const status of [300, 304, 400, 401, 404, 405, 413, 451, 499, 600, 999]) {
      it(`${status} is refused`, async () => {
        expect(await resultOfStatus(status)).to.include({ type: "refused", status });
      });
    }
  });

  for (const status of [301, 302, 303, 307, 308]) {
    it(`does not follow a redirect by ${status}`, async () => {
      const elsewhere = await opened(serveHttp((_request, response) => response.end()));
      const result = await resultOfStatus(status, { location: url(elsewhere) });
      expect(result).to.include({ type: "refused", status });
      expect(elsewhere.connections).to.equal(0);
    });
  }

  for (const [text, retryAfterMs] of [
    ["7", 7000],
    ["Thu, 06 Nov 2025 08:49:37 GMT", 37_000],
    ["Thu, 06 Nov 2031 08:49:37 GMT", 86_400_000],
    ["99999999", 86_400_000],
    ["whenever", undefined],
  ] as const) {
    it(`tells how long to wait where Retry-After is ${text}`, async () => {
      const result = await resultOfStatus(503, { "retry-after": text });
      expect(result).to.deep.equal({
        type: "retry",
        status: 503,
        reason: "status 503",
        ...(retryAfterMs !== undefined && { retryAfterMs }),
      });
    });
  }

  describe("the reason", () => {
    it("quotes 200 printable characters of the answer", async () => {
      const body = `\x1b[31mno\0\r\n\u2028\u202e${"😀".repeat(300)}`;
      const result = await resultOfStatus(500, {}, body);
      const expected = `status 500: [31mno ${"😀".repeat(193)}`;
      expect(result).to.include({ reason: expected });
    });

    it("has no header of the request, even where the endpoint echoes it", async () => {
      const server = await opened(
        serveHttp((request, response) => {
          request.resume();
          response.writeHead(401).end(`not with ${String(request.headers.authorization)}!`);
        }),
      );
      const headers = { authorization: "Bearer secret-token" };
      const result = await sender().post(url(server), { headers, body: BODY });
      expect(result).to.include({ reason: "status 401: not with …!" });
    });

    it("names the code where no connection came about, and no host", async () => {
      const server = await serveTcp((socket) => socket.resume());
      await server.close();
      const result = await sender().post(url(server), POST);
      const reason = "the connection failed: ECONNREFUSED";
      expect(result).to.deep.equal({ type: "retry", reason });
    });
  });

  describe("an answer that is none", () => {
    const CASES: Record<string, string> = {
      "no bytes": "",
      garbage: "\0\xff garbage\r\n\r\n",
      "half a head": "HTTP/1.1 200 OK\r\ncontent-le",
      "a head that is too long": `HTTP/1.1 200 OK\r\nx: ${"x".repeat(20_000)}\r\n\r\n`,
      "headers that are too many": `HTTP/1.1 200 OK\r\n${"x: y\r\n".repeat(20_000)}\r\n`,
      "two lengths": "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
      "only information": "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(100),
      "HTTP/2": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    };
    for (const [name, text] of Object.entries(CASES)) {
      it(`is to be retried: ${name}`, async () => {
        const result = await resultOfBytes(text);
        expect(result.type).to.equal("retry");
        expect(result).not.to.have.property("status");
      });
    }

    it("is refused where it changes the protocol", async () => {
      const head = "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n";
      expect(await resultOfBytes(head)).to.deep.include({ type: "refused", status: 101 });
    });
  });

  describe("an answer whose body is none", () => {
    const CASES: Record<string, string> = {
      "cut off": "content-length: 100\r\n\r\nabc",
      "of bad chunks": "transfer-encoding: chunked\r\n\r\nzz\r\n",
      "with more behind it": "content-length: 1\r\n\r\nabcHTTP/1.1 500 No\r\n\r\n",
    };
    for (const [name, rest] of Object.entries(CASES)) {
      it(`goes by its status: ${name}`, async () => {
        const delivered = await resultOfBytes(`HTTP/1.1 200 OK\r\n${rest}`);
        expect(delivered).to.deep.equal({ type: "delivered", status: 200 });
        const retry = await resultOfBytes(`HTTP/1.1 503 No\r\n${rest}`);
        expect(retry).to.include({ type: "retry", status: 503 });
      });
    }

    for (const status of [200, 500]) {
      it(`is read up to a bound where it never ends, and goes by its status ${status}`, async () => {
        const server = await opened(
          serveHttp((request, response) => {
            request.resume();
            response.writeHead(status);
            const pour = (): void => {
              while (!response.destroyed && response.write("x".repeat(16_384)));
            };
            response.on("drain", pour);
            pour();
          }),
        );
        const result = await sender().post(url(server), { ...POST, timeoutMs: 60_000 });
        expect(result).to.include({ type: status === 200 ? "delivered" : "retry", status });
        await until(() => server.open === 0);
      });
    }
  });

  describe("the deadline", () => {
    async function slow(answer: (socket: Socket) => void): Promise<LocalServer> {
      return opened(serveTcp((socket) => socket.once("data", () => answer(socket))));
    }

    /** Sends a byte from time to time, so that the connection is never idle. */
    function drip(socket: Socket, text: string): void {
      const timer = setInterval(() => socket.write(text), 10);
      socket.on("close", () => clearInterval(timer));
    }

    const SILENT: Record<string, (socket: Socket) => void> = {
      "says nothing": () => undefined,
      "drips its head": (socket) => {
        socket.write("HTTP/1.1 200 OK\r\nx: ");
        drip(socket, "x");
      },
      "drips information": (socket) => drip(socket, "HTTP/1.1 102 Processing\r\n\r\n"),
    };
    for (const [name, answer] of Object.entries(SILENT)) {
      it(`ends an attempt whose endpoint ${name}, and closes the socket`, async () => {
        const server = await slow(answer);
        const result = await sender().post(url(server), { ...POST, timeoutMs: 150 });
        expect(result).to.deep.equal({ type: "retry", reason: "no answer within 150 ms" });
        await until(() => server.open === 0);
      });
    }

    it("ends an attempt whose answer's body drips, which goes by its status", async () => {
      const server = await slow((socket) => {
        socket.write("HTTP/1.1 200 OK\r\ncontent-length: 60000\r\n\r\n");
        drip(socket, "x");
      });
      const result = await sender().post(url(server), { ...POST, timeoutMs: 150 });
      expect(result).to.deep.equal({ type: "delivered", status: 200 });
      await until(() => server.open === 0);
    });

    it("ends an attempt whose endpoint does not read", async () => {
      const server = await opened(serveTcp((socket) => socket.pause()));
      const body = new Uint8Array(32 * 1024 * 1024);
      const result = await sender().post(url(server), { headers: {}, body, timeoutMs: 150 });
      expect(result).to.include({ type: "retry" });
    });

    it("ends an attempt whose name is never resolved", async () => {
      const resolve = async (): Promise<never> => new Promise<never>(() => undefined);
      const made = sender({ ...LOOPBACK, resolve });
      const result = await made.post("http://hooks.example/", { ...POST, timeoutMs: 50 });
      expect(result).to.deep.equal({ type: "retry", reason: "no answer within 50 ms" });
    });

    it("ends an attempt that waits for a socket", async () => {
      const server = await slow(() => undefined);
      const made = sender({ ...LOOPBACK, maxSocketsPerHost: 1 });
      const first = made.post(url(server), { ...POST, timeoutMs: 10_000 });
      await until(() => server.open === 1);
      const second = await made.post(url(server), { ...POST, timeoutMs: 50 });
      expect(second).to.deep.equal({ type: "retry", reason: "no answer within 50 ms" });
      expect(server.connections).to.equal(1);
      made.close();
      expect(await first).to.deep.equal({ type: "retry", reason: "the sender is closed" });
    });

    for (const timeoutMs of [0, -1, 1.5, NaN, 2 ** 31]) {
      it(`cannot be ${timeoutMs} ms`, async () => {
        const failed = await sender()
          .post("https://hooks.example/", { ...POST, timeoutMs })
          .catch((error: unknown) => error);
        expect(failed).to.be.instanceOf(ShardcastError);
        expect((failed as ShardcastError).code).to.equal("SHARDCAST_OPTION_INVALID");
      });
    }
  });

  describe("a signal", () => {
    it("ends an attempt, and closes its socket", async () => {
      const server = await opened(serveTcp((socket) => socket.resume()));
      const abort = new AbortController();
      const result = sender().post(url(server), { ...POST, signal: abort.signal });
      await until(() => server.open === 1);
      abort.abort();
      expect(await result).to.deep.equal({ type: "retry", reason: "aborted" });
      await until(() => server.open === 0);
    });

    it("that was given before keeps an attempt from being made", async () => {
      const server = await opened(serveTcp((socket) => socket.resume()));
      const result = await sender().post(url(server), { ...POST, signal: AbortSignal.abort() });
      expect(result).to.deep.equal({ type: "retry", reason: "aborted" });
      expect(server.connections).to.equal(0);
    });
  });

  describe("sockets", () => {
    const answer = (request: IncomingMessage, response: ServerResponse): void => {
      request.resume();
      response.end("thanks");
    };

    it("are used again", async () => {
      const server = await opened(serveHttp(answer));
      const made = sender();
      for (let count = 0; count < 5; count += 1) await made.post(url(server), POST);
      expect(server.connections).to.equal(1);
    });

    it("are at most as many as may be, however many attempts there are", async () => {
      let peak = 0;
      const server: LocalServer = await opened(
        serveHttp((request, response) => {
          peak = Math.max(peak, server.open);
          answer(request, response);
        }),
      );
      const made = sender({ ...LOOPBACK, maxSocketsPerHost: 3 });
      const posts = Array.from({ length: 60 }, async () => made.post(url(server), POST));
      const types = (await Promise.all(posts)).map(({ type }) => type);
      expect(new Set(types)).to.deep.equal(new Set(["delivered"]));
      expect(peak).to.equal(3);
    });

    it("are all closed with the sender, and none is opened for attempts that waited", async () => {
      const server = await opened(serveTcp((socket) => socket.resume()));
      const made = sender({ ...LOOPBACK, maxSocketsPerHost: 2 });
      const posts = Array.from({ length: 10 }, async () => made.post(url(server), POST));
      await until(() => server.open === 2);
      made.close();
      made.close();
      for (const result of await Promise.all(posts)) {
        expect(result).to.deep.equal({ type: "retry", reason: "the sender is closed" });
      }
      await until(() => server.open === 0);
      // A connection opened meanwhile would arrive before this one.
      await sender().post(url(server), { ...POST, timeoutMs: 50 });
      expect(server.connections).to.equal(3);
      const failed = await made.post(url(server), POST).catch((error: unknown) => error);
      expect((failed as ShardcastError).code).to.equal("SHARDCAST_CLOSED");
    });

    it("cannot be none", () => {
      expectOptionInvalid(() => new WebhookSender({ maxSockets: 0 }));
      expectOptionInvalid(() => new WebhookSender({ maxSocketsPerHost: NaN }));
    });
  });

  describe("what may be connected to", () => {
    const BLOCKED = { type: "blocked", reason: "the host has no allowed address" };
    const resolveTo =
      (...addresses: string[]) =>
      async (): Promise<{ address: string; family: number }[]> =>
        Promise.resolve(
          addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 })),
        );

    it("is no loopback address, unless allowed", async () => {
      const server = await opened(serveHttp((_request, response) => response.end()));
      const strict = sender({ isHttpAllowed: true });
      const literal = { type: "blocked", reason: "the URL's address is not public" };
      for (const host of ["127.0.0.1", "2130706433", "0x7f.1", "0177.1", "[::ffff:127.0.0.1]"]) {
        expect(await strict.post(`http://${host}:${server.port}/`, POST)).to.deep.equal(literal);
      }
      expect(await strict.post(`http://localhost:${server.port}/`, POST)).to.deep.equal(BLOCKED);
      expect(server.connections).to.equal(0);
    });

    it("is not what a name leads to beside what is allowed", async () => {
      const server = await opened(serveHttp((_request, response) => response.end()));
      const strict = sender({
        isHttpAllowed: true,
        resolve: resolveTo("127.0.0.1", "::1", "10.0.0.1"),
      });
      const result = await strict.post(`http://hooks.example:${server.port}/`, POST);
      expect(result).to.deep.equal(BLOCKED);
      expect(server.connections).to.equal(0);
    });

    it("is a name that was allowed, wherever it leads", async () => {
      const server = await opened(serveHttp((_request, response) => response.end()));
      const options = { isHttpAllowed: true, resolve: resolveTo("127.0.0.1") };
      const made = sender({ ...options, allow: ["hooks.internal"] });
      const result = await made.post(`http://HOOKS.internal.:${server.port}/`, POST);
      expect(result).to.deep.equal({ type: "delivered", status: 200 });
    });

    it("is the address that was checked: a name is asked for once a connection", async () => {
      const server = await opened(
        serveHttp((_request, response) => response.setHeader("connection", "close").end()),
      );
      // Resolves to an allowed address first, then to another one.
      const answers = ["127.0.0.1", "127.0.0.2"];
      let asked = 0;
      const resolve = async (): Promise<{ address: string; family: number }[]> => {
        asked += 1;
        return Promise.resolve([{ address: answers[asked - 1] ?? "127.0.0.2", family: 4 }]);
      };
      const made = sender({ allow: ["127.0.0.1"], isHttpAllowed: true, resolve });
      const target = `http://hooks.example:${server.port}/`;
      expect(await made.post(target, POST)).to.deep.equal({ type: "delivered", status: 200 });
      expect(asked).to.equal(1);
      expect(await made.post(target, POST)).to.deep.equal(BLOCKED);
      expect(asked).to.equal(2);
      expect(server.connections).to.equal(1);
    });

    it("is not there: the attempt is to be retried", async () => {
      const failure = Object.assign(new Error("getaddrinfo ENOTFOUND x"), { code: "ENOTFOUND" });
      const made = sender({ resolve: async () => Promise.reject(failure) });
      const result = await made.post("https://hooks.example/", POST);
      const reason = "the connection failed: ENOTFOUND";
      expect(result).to.deep.equal({ type: "retry", reason });
    });

    it("is https: only, unless allowed", async () => {
      const result = await sender({}).post("http://hooks.example/", POST);
      expect(result).to.include({ type: "blocked" });
    });
  });

  describe("a header of the request", () => {
    for (const name of ["Host", "Content-Length", "transfer-encoding", "connection", "Expect"]) {
      it(`is not ${name}`, async () => {
        const post = { ...POST, headers: { [name]: "1" } };
        const result = await sender().post("http://127.0.0.1:1/", post);
        expect(result).to.deep.equal({
          type: "blocked",
          reason: `the header ${name} must not be set`,
        });
      });
    }

    for (const headers of [{ "a b": "c" }, { a: "b\r\nc: d" }, { "": "x" }, { a: "日" }]) {
      it(`is not ${JSON.stringify(headers)}`, async () => {
        const result = await sender().post("http://127.0.0.1:1/", { ...POST, headers });
        expect(result).to.include({ type: "blocked" });
      });
    }
  });

  describeWith(["openssl"], "over TLS", () => {
    let certificate: ReturnType<typeof selfSigned>;

    before(() => {
      certificate = selfSigned("hooks.example");
    });
    const resolve = async (): Promise<{ address: string; family: number }[]> =>
      Promise.resolve([{ address: "127.0.0.1", family: 4 }]);

    async function postTls(host: string, options: WebhookSenderOptions): Promise<PostResult> {
      const server = await opened(serveTls(certificate, (_request, response) => response.end()));
      const made = sender({ allow: ["127.0.0.0/8"], resolve, ...options });
      return made.post(`https://${host}:${server.port}/`, POST);
    }

    it("delivers where the certificate's authority is trusted", async () => {
      const result = await postTls("hooks.example", { ca: [certificate.cert] });
      expect(result).to.deep.equal({ type: "delivered", status: 200 });
    });

    it("does not where it is not, whatever the environment says", async () => {
      process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = "0";
      closers.push(() => delete process.env["NODE_TLS_REJECT_UNAUTHORIZED"]);
      const result = await postTls("hooks.example", {});
      const reason = "the connection failed: DEPTH_ZERO_SELF_SIGNED_CERT";
      expect(result).to.deep.equal({ type: "retry", reason });
    });

    it("does not where the certificate is for another name", async () => {
      const result = await postTls("hooks.other", { ca: [certificate.cert] });
      const reason = "the connection failed: ERR_TLS_CERT_ALTNAME_INVALID";
      expect(result).to.deep.equal({ type: "retry", reason });
    });

    it("is retried where the endpoint does not speak it", async () => {
      const server = await opened(serveTcp((socket) => socket.end("HTTP/1.1 200 OK\r\n\r\n")));
      const result = await sender().post(`https://127.0.0.1:${server.port}/`, POST);
      expect(result).to.include({ type: "retry" });
    });
  });
});
