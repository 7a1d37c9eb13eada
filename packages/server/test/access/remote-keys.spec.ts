// Keys that are fetched, over real HTTP.
import { createServer, type RequestListener, type Server, type ServerResponse } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { expect } from "chai";
import type { Logger } from "pino";
import { RemoteKeys } from "../../src/access/token-keys.ts";
import { Clock, keyPairs, tokenOf, verdict, verifierOf, type KeyPair } from "./support.ts";

const INVALID = "SHARDCAST_TOKEN_INVALID";
const UNAVAILABLE = "SHARDCAST_TOKEN_KEYS_UNAVAILABLE";
const MINUTE_MS = 60_000;

/** A place where keys are published, which a test makes a bad one. */
class KeyServer {
  requests = 0;
  keys: readonly object[] = [];
  answer: (response: ServerResponse) => void = (response) => {
    response.end(JSON.stringify({ keys: this.keys }));
  };
  readonly #server: Server;

  constructor() {
    const listener: RequestListener = (_request, response) => {
      this.requests += 1;
      this.answer(response);
    };
    this.#server = createServer(listener).listen(0, "127.0.0.1");
  }

  get url(): URL {
    const { port } = this.#server.address() as AddressInfo;
    return new URL(`http://127.0.0.1:${port}/keys`);
  }

  async ready(): Promise<this> {
    if (!this.#server.listening) await once(this.#server, "listening");
    return this;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

describe("RemoteKeys", () => {
  const [first, second] = [keyPairs()[2], keyPairs()[2]];
  if (first === undefined || second === undefined) throw new Error("no pair");
  let server: KeyServer;
  let clock: Clock;
  let warnings: string[];

  beforeEach(async () => {
    server = await new KeyServer().ready();
    server.keys = [jwkOf(first, "k1")];
    clock = new Clock();
    warnings = [];
  });

  afterEach(() => server.close());

  function jwkOf({ publicKey }: KeyPair, kid?: string): object {
    return { ...publicKey.export({ format: "jwk" }), ...(kid === undefined ? {} : { kid }) };
  }

  function keysOf(): RemoteKeys {
    const logger = {
      warn: (_fields: unknown, text: string) => warnings.push(text),
      info: () => undefined,
    };
    return new RemoteKeys({ url: server.url, logger: logger as unknown as Logger, now: clock.now });
  }

  function verify(keys: RemoteKeys, pair: KeyPair, kid?: string): Promise<string> {
    const header = { alg: pair.alg, ...(kid === undefined ? {} : { kid }) };
    return verdict(verifierOf({ keys: [keys] }).verify(tokenOf({}, header, pair.signer)));
  }

  it("fetches the set once, for however many tokens", async () => {
    const keys = keysOf();
    const tokens = Array.from({ length: 20 }, () => verify(keys, first, "k1"));
    expect(new Set(await Promise.all(tokens))).to.deep.equal(new Set(["ok"]));
    expect(await verify(keys, first, "k1")).to.equal("ok");
    expect(server.requests).to.equal(1);
  });

  it("fetches it at once where a token names a key that is not in it, and only once", async () => {
    const keys = keysOf();
    expect(await verify(keys, first, "k1")).to.equal("ok");
    server.keys = [jwkOf(first, "k1"), jwkOf(second, "k2")];
    clock.ms += 1001;
    const codes = await Promise.all([verify(keys, second, "k2"), verify(keys, second, "k2")]);
    expect(codes).to.deep.equal(["ok", "ok"]);
    expect(server.requests).to.equal(2);
  });

  it("does not fetch for every stranger's key, and says that it may be tried again", async () => {
    const keys = keysOf();
    expect(await verify(keys, first, "k9")).to.equal(INVALID);
    for (const kid of ["k8", "k7", "k9"]) {
      expect(await verify(keys, first, kid)).to.equal(UNAVAILABLE);
      expect(await verify(keys, first, "k1")).to.equal("ok");
    }
    expect(server.requests).to.equal(1);
    clock.ms += 1001;
    server.keys = [jwkOf(second, "k8")];
    expect(await verify(keys, second, "k8")).to.equal("ok");
    expect(server.requests).to.equal(2);
  });

  it("lets a new key in, named or not, within moments of the last fetch", async () => {
    for (const kid of ["k2", undefined]) {
      server.keys = [jwkOf(first, kid === undefined ? undefined : "k1")];
      const keys = keysOf();
      expect(await verify(keys, first, kid === undefined ? undefined : "k1")).to.equal("ok");
      server.keys = [...server.keys, jwkOf(second, kid)];
      // It may be tried again, and then it is let in.
      expect(await verify(keys, second, kid)).to.equal(UNAVAILABLE);
      clock.ms += 1001;
      expect(await verify(keys, second, kid)).to.equal("ok");
      expect(await verify(keys, first, kid === undefined ? undefined : "k1")).to.equal("ok");
    }
    expect(server.requests).to.equal(4);
  });

  it("refuses for good what no key without a name has signed, once it has asked", async () => {
    server.keys = [jwkOf(first)];
    const keys = keysOf();
    expect(await verify(keys, first)).to.equal("ok");
    expect(await verify(keys, second)).to.equal(UNAVAILABLE);
    clock.ms += 1001;
    expect(await verify(keys, second)).to.equal(INVALID);
    expect(server.requests).to.equal(2);
  });

  it("says SHARDCAST_TOKEN_KEYS_UNAVAILABLE until it has had a set, and asks again after a while", async () => {
    server.answer = (response) => response.writeHead(503).end();
    const keys = keysOf();
    expect(await verify(keys, first, "k1")).to.equal(UNAVAILABLE);
    expect(await verify(keys, first, "k1")).to.equal(UNAVAILABLE);
    expect([server.requests, warnings.length]).to.deep.equal([1, 1]);
    server.answer = (response) => response.end(JSON.stringify({ keys: server.keys }));
    clock.ms += 1001;
    expect(await verify(keys, first, "k1")).to.equal("ok");
  });

  for (const [what, answer] of [
    ["no JSON", (response) => response.end("<html>")],
    ["nothing", (response) => response.end()],
    ["another object", (response) => response.end("{}")],
    ["keys that are none", (response) => response.end('{"keys":[1,null,"k"]}')],
    ["keys that are no list", (response) => response.end('{"keys":{"length":1}}')],
    ["null", (response) => response.end("null")],
    ["an error", (response) => response.writeHead(500).end('{"keys":[]}')],
    ["a redirect", (response) => response.writeHead(302, { location: "/keys" }).end()],
    ["a cut connection", (response) => response.destroy()],
    ["half of an answer", (response) => response.write("{", () => response.destroy())],
    ["an answer without end", flood],
    ["an error without end", (response) => flood(response.writeHead(500))],
  ] as [string, (response: ServerResponse) => void][]) {
    it(`goes on with the last set where it gets ${what}`, async () => {
      const keys = keysOf();
      expect(await verify(keys, first, "k1")).to.equal("ok");
      const good = server.answer;
      server.answer = answer;
      clock.ms += 60 * MINUTE_MS;
      expect(await verify(keys, first, "k1")).to.equal("ok");
      expect(await verify(keys, second, "k2")).to.equal(UNAVAILABLE);
      expect([server.requests, warnings.length]).to.deep.equal([2, 1]);
      server.answer = good;
      server.keys = [jwkOf(second, "k2")];
      clock.ms += 1001;
      expect(await verify(keys, second, "k2")).to.equal("ok");
    });
  }

  it("goes on with the last set where nobody answers any more", async () => {
    const keys = keysOf();
    expect(await verify(keys, first, "k1")).to.equal("ok");
    server.close();
    clock.ms += 60 * MINUTE_MS;
    expect(await verify(keys, first, "k1")).to.equal("ok");
    expect(warnings).to.have.lengthOf(1);
  });

  it("asks in the background after five minutes, and keeps nobody waiting for it", async () => {
    const keys = keysOf();
    expect(await verify(keys, first, "k1")).to.equal("ok");
    const asked = new Promise<ServerResponse>((resolve) => (server.answer = resolve));
    clock.ms += 6 * MINUTE_MS;
    server.keys = [jwkOf(second, "k2")];
    expect(await verify(keys, first, "k1")).to.equal("ok");
    (await asked).end(JSON.stringify({ keys: server.keys }));
    await keys.refresh();
    expect(await verify(keys, first, "k1")).to.be.oneOf([INVALID, UNAVAILABLE]);
    expect(await verify(keys, second, "k2")).to.equal("ok");
    expect(server.requests).to.equal(2);
  });

  it("lets nobody in by a key that was taken out while no token came", async () => {
    const keys = keysOf();
    expect(await verify(keys, first, "k1")).to.equal("ok");
    server.keys = [jwkOf(second, "k2")];
    clock.ms += 60 * MINUTE_MS;
    const codes = await Promise.all([verify(keys, first, "k1"), verify(keys, first, "k1")]);
    expect(codes).to.deep.equal([INVALID, INVALID]);
    expect(server.requests).to.equal(2);
  });

  it("takes a set that is empty: all keys were taken out", async () => {
    const keys = keysOf();
    expect(await verify(keys, first, "k1")).to.equal("ok");
    server.keys = [];
    await keys.refresh();
    expect(await verify(keys, first, "k1")).to.equal(UNAVAILABLE);
    clock.ms += 1001;
    expect(await verify(keys, first, "k1")).to.equal(INVALID);
  });
});

/** Says something for ever, as fast as it is read. */
function flood(response: ServerResponse): void {
  const more = (): void => {
    while (!response.destroyed && response.write(" ".repeat(65_536)));
  };
  response.on("drain", more);
  response.on("error", () => undefined);
  more();
}
