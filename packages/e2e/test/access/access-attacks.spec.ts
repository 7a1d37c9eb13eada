// Attempts by clients with a token to exceed their permissions, on real nodes. A back end with the
// key works throughout, and the nodes log no errors.
import { once } from "node:events";
import { request } from "node:http";
import { connect, type Client } from "@shardcast/client";
import {
  ACTIONS,
  SUBPROTOCOLS,
  encodeFrame,
  type Frame,
  type Subprotocol,
} from "@shardcast/protocol";
import { expect } from "chai";
import { SignJWT } from "jose";
import { CALLER_ARGS } from "@shardcast/e2e/callers";
import { TOKEN_SECRET, tokenOf } from "@shardcast/e2e/tokens";
import { eventually } from "@shardcast/faults";
import { TEST_PSK, TestCluster, type NodeProcess } from "@shardcast/e2e/nodes";
import { RawLink } from "@shardcast/e2e/raw-link";
import { V1Socket, type V1Options } from "@shardcast/e2e/v1-socket";

const ORIGIN = "https://app.example.com";
const ROOM = [{ topics: ["room/*"], allow: ACTIONS }];
const LIVE_ONLY = [{ topics: ["room/*"], allow: ["subscribe"] }] as const;
const MEMBER = { memberId: "m1", user: "", info: "" };

describe("attacks of clients with a token", () => {
  let cluster: TestCluster;
  let consumers: readonly NodeProcess[] = [];
  let producer: NodeProcess;
  let backEnd: Client;
  let url: string;
  const sockets: V1Socket[] = [];

  before(async function () {
    this.timeout(60_000);
    const args = {
      ...CALLER_ARGS,
      "token-leeway": 0,
      "legacy-protocol": true as const,
      origins: ORIGIN,
      "trusted-hops": 1,
      "max-links-per-address": 10,
      "max-links-per-user": 4,
    };
    cluster = await TestCluster.plan(2, { args });
    const memory = { args: { log: "memory" } };
    consumers = await Promise.all([cluster.consumer(1, memory), cluster.consumer(2, memory)]);
    producer = await cluster.producer();
    url = consumers[0]?.url ?? "";
    backEnd = await connect({ url, psk: TEST_PSK });
  });

  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.end();
    await backEnd.publish("secret", "still here");
    for (const node of [...consumers, producer]) {
      expect(node.isAlive).to.equal(true);
      const lines = node.stdout.split("\n").filter((line) => /"level":"(error|fatal)"/.test(line));
      expect(lines).to.deep.equal([]);
    }
  });

  after(async () => {
    backEnd.close();
    await cluster.stop();
  });

  async function dial(options: Partial<V1Options> = {}): Promise<V1Socket> {
    const socket = await V1Socket.dial(url, { endpoint: "connect", ...options });
    sockets.push(socket);
    return socket;
  }

  /** A link of a user with a token. */
  async function enter(token: string, options: Partial<V1Options> = {}): Promise<V1Socket> {
    const socket = await dial(options);
    await socket.first("challenge");
    socket.send({ type: "token", token });
    await socket.first("authorized");
    return socket;
  }

  function answers(socket: V1Socket): Frame[] {
    return socket.frames.filter(
      ({ type }) => !["challenge", "welcome", "authorized", "heartbeat", "regroup"].includes(type),
    );
  }

  /**
   * Resolves when the node has read and answered everything sent: a pong may overtake answers of
   * its own turn, but not those of an earlier turn.
   */
  async function settled(socket: V1Socket): Promise<void> {
    for (let pings = 0; pings < 2; pings += 1) {
      let hasPong = false;
      socket.socket.once("pong", () => (hasPong = true));
      socket.socket.ping();
      await eventually("a pong, or the end", () => hasPong || !socket.isOpen);
    }
  }

  const TRICKS = [
    ...["secret", "room", "Room/1", "room\\1", "room%2F1", "/room/1", "./room/1", "x/../room/1"],
    ...[
      "\u200broom/1",
      "room\u2215 1",
      "\ufeffroom/1",
      "ROOM/1",
      "*",
      "**",
      "roo*",
      "[r]oom/1",
      "room",
    ],
    ...["", "room/\0secret", "room/\n", "room/\u007f", `room/${"x".repeat(251)}`],
    ...["$", "$sys", "$room/1", "$events/room/1", "$events/secret", "$presence", "$presence/"],
    ...["$presence/secret", "$presence/$presence/room/1", "$presence/room", "$PRESENCE/room/1"],
    ...[" $presence/room/1", "$presence//room/1", "$presence/room/\0", "$presence\0/room/1"],
  ];

  for (const subprotocol of Object.values(SUBPROTOCOLS)) {
    it(`get at no other topic, however it is called (${subprotocol})`, async () => {
      const socket = await enter(await tokenOf({ caps: ROOM }), { subprotocol });
      let seq = 0;
      for (const topic of TRICKS.filter((name) => Buffer.byteLength(name) < 256)) {
        seq += 1;
        const payload = Buffer.from("evil");
        socket.send(
          { type: "subscribe", sub: seq, topic, from: { type: "earliest" } },
          { type: "publish", seq: 3 * seq, timeoutMs: 0, topic, payload },
          { type: "enter", seq: 3 * seq + 1, topic, ...MEMBER },
          { type: "presence", seq: 3 * seq + 2, topic, after: 0, limit: 10 },
        );
        await eventually(`answers for ${topic}`, () => answers(socket).length >= 4 * seq);
      }
      const refusals = new Set(
        answers(socket).map((frame) => ("code" in frame ? frame.code : frame.type)),
      );
      expect([...refusals]).to.have.members([
        ...["SHARDCAST_FORBIDDEN", "SHARDCAST_TOPIC_INVALID", "SHARDCAST_TOPIC_RESERVED"],
      ]);
      await backEnd.publish("secret", "not for them");
      await settled(socket);
      expect(socket.frames.some(({ type }) => type === "message")).to.equal(false);
    });
  }

  it("get no topic by bytes that are no text, or by half of a frame", async () => {
    const token = await tokenOf({ caps: ROOM });
    const good = encodeFrame({
      type: "subscribe",
      sub: 1,
      topic: "room/1",
      from: { type: "live" },
    });
    const sending = async (bytes: Uint8Array): Promise<V1Socket> => {
      const socket = await enter(token);
      socket.sendRaw(bytes);
      return socket;
    };
    const fine = await sending(good);
    await fine.first("subscribed");
    const bad: Uint8Array[] = [0xff, 0xc0, 0xed, 0x80].map((byte) => {
      const bytes = Uint8Array.from(good);
      bytes[good.indexOf("r".charCodeAt(0))] = byte;
      return bytes;
    });
    for (let count = 1; count < good.length; count += 3) bad.push(good.subarray(0, count));
    for (const bytes of bad) {
      const socket = await sending(bytes);
      expect(await socket.closed()).to.equal("4501 SHARDCAST_FRAME_MALFORMED");
      expect(answers(socket)).to.deep.equal([]);
    }
  });

  describe("by the path", () => {
    const first = async (path: string, caps: typeof ROOM | typeof LIVE_ONLY): Promise<string> => {
      const token = await tokenOf({ caps });
      const socket = await enter(token, { endpoint: "subscribe", path: `/subscribe/${path}` });
      await eventually("an answer", () => answers(socket).length > 0);
      const [answer] = answers(socket);
      socket.end();
      return answer !== undefined && "code" in answer ? answer.code : (answer?.type ?? "none");
    };

    it("get nothing that they do not get by frames", async () => {
      const tried = [
        ...["secret", "secret?from=earliest", "room", "room%252F1", "..%2Froom%2F1", "%2Froom%2F1"],
        ...["%24presence%2Fsecret", "%24events%2Froom%2F1", "%24presence%2F%24presence%2Froom%2F1"],
        ...["secret?topic=room%2F1", "secret?from=live&from=earliest", "room%2F1%00"],
      ];
      const codes = await Promise.all([first("room%2F1?from=earliest", ROOM)]);
      for (const path of tried) codes.push(await first(path, ROOM));
      expect(codes.shift()).to.equal("subscribed");
      for (const code of codes) {
        expect(code).to.be.oneOf([
          ...["SHARDCAST_FORBIDDEN", "SHARDCAST_TOPIC_RESERVED", "SHARDCAST_TOPIC_INVALID"],
        ]);
      }
    });

    it("get no history without the permission for it", async () => {
      for (const from of ["earliest", "last:1", "since:0"]) {
        expect(await first(`room%2F1?from=${from}`, LIVE_ONLY)).to.equal("SHARDCAST_FORBIDDEN");
      }
      expect(await first("room%2F1?from=0123456789abcdef_0", LIVE_ONLY)).to.equal("subscribed");
      expect(await first("room%2F1", LIVE_ONLY)).to.equal("subscribed");
    });

    it("get in by no token in the query", async () => {
      const token = await tokenOf({ caps: ROOM });
      for (const name of ["token", "access_token", "authorization"]) {
        const path = `/subscribe/room%2F1?${name}=${token}`;
        const socket = await dial({ endpoint: "subscribe", path });
        await socket.first("challenge");
        await settled(socket);
        expect(answers(socket)).to.deep.equal([]);
      }
    });
  });

  it("get in by no token where the original's protocol is spoken", async () => {
    const token = await tokenOf({ caps: ROOM });
    for (const hello of [
      { t: "h", a: token },
      { t: "h", a: "" },
      { type: "token", token },
      { t: "s", s: "room/1" },
      { t: "m", s: "room/1", d: "evil" },
    ]) {
      const link = await RawLink.open(`${url}/subscribe/room%2F1`);
      link.send(hello);
      expect((await link.closed()).reason).to.equal("SHARDCAST_HANDSHAKE_FAILED");
    }
  });

  it("break nothing by tokens in JSON that are none", async () => {
    const subprotocol: Subprotocol = SUBPROTOCOLS.json;
    const token = JSON.stringify(await tokenOf({ caps: ROOM }));
    for (const text of [
      ...[
        '{"type":"token","token":1}',
        '{"type":"token","token":null}',
        '{"type":"token","token":{}}',
      ],
      ...[
        `{"type":"token","token":[${token}]}`,
        `[{"type":"token","token":${token}}]`,
        token,
        "null",
      ],
      ...[`{"type":"token","token":${token}}\n{"type":"heartbeat"}`, '{"type":"token"}', "{", ""],
      ...[`{"type":"token","token":"\\ud800"}`, `{"__proto__":{"type":"token","token":${token}}}`],
      ...[`{"type":"Token","token":${token}}`, `{"type":"proof","token":${token}}`],
      ...[`{"type":"token","optional":true,"token":"a.b.c"}`],
    ]) {
      const socket = await dial({ subprotocol });
      await socket.first("challenge");
      socket.sendRaw(text);
      await settled(socket);
      await eventually("an end, or nobody's link", () => {
        const isNobody = socket.frames.some(
          (frame) => frame.type === "authorized" && frame.user === "",
        );
        return !socket.isOpen || isNobody;
      });
      expect(
        socket.frames.some((frame) => frame.type === "authorized" && frame.user !== ""),
      ).to.equal(false);
      socket.end();
    }
  });

  it("break nothing by claims of another kind than they should be", async () => {
    const exp = Math.floor(Date.now() / 1000) + 3600;
    const all = [{ topics: ["*"], allow: ACTIONS }];
    for (const claims of [
      ...[{ sub: 1 }, { sub: {} }, { sub: [] }, { sub: ["ann"] }, { sub: null }, { sub: true }, {}],
      ...[
        { sub: "ann", exp: exp * 1000 },
        { sub: "ann", exp: 1e300 },
        { sub: "ann", exp: "soon" },
      ],
      ...[
        { sub: "ann", exp: null },
        { sub: "ann", nbf: exp },
        { sub: "ann", caps: "publish:*" },
      ],
      ...[{ sub: "ann", aud: "mq" }, { sub: "a\nb" }, { sub: "x".repeat(256) }],
    ]) {
      const token = await new SignJWT({ caps: all, exp, ...claims } as Record<string, unknown>)
        .setProtectedHeader({ alg: "HS256" })
        .sign(new TextEncoder().encode(TOKEN_SECRET));
      const socket = await dial();
      socket.send({ type: "token", token });
      expect(await socket.closed(), JSON.stringify(claims)).to.match(
        /^4507 SHARDCAST_TOKEN_INVALID/,
      );
    }
  });

  it("publish nothing more of a topic once a token does not allow it", async () => {
    const socket = await enter(await tokenOf({ caps: ROOM }));
    const publish = (seq: number): Frame => {
      return {
        type: "publish",
        seq,
        timeoutMs: 0,
        topic: "room/1",
        payload: Buffer.from(`${seq}`),
      };
    };
    const other = [{ topics: ["other"], allow: ACTIONS }];
    const less: Frame = { type: "token", token: await tokenOf({ caps: other }) };
    socket.send(publish(1), less, publish(2), publish(3));
    await eventually("the second token", () => {
      return socket.frames.filter(({ type }) => type === "authorized").length === 2;
    });
    socket.send(publish(4), { type: "enter", seq: 5, topic: "room/1", ...MEMBER });
    await eventually("all answers", () => answers(socket).length === 5);
    const refused = answers(socket).flatMap((frame) => (frame.type === "reject" ? [frame] : []));
    expect(refused.map(({ seq, code }) => [seq, code])).to.deep.equal([
      [4, "SHARDCAST_FORBIDDEN"],
      [5, "SHARDCAST_FORBIDDEN"],
    ]);
  });

  it("take nobody off a list but themselves", async () => {
    const topic = "room/list";
    const [ann, bob] = await Promise.all([
      enter(await tokenOf({ caps: ROOM })),
      enter(await tokenOf({ sub: "bob", caps: ROOM })),
    ]);
    ann.send({ type: "enter", seq: 1, topic, ...MEMBER });
    await ann.first("entered");
    for (const user of ["ann", "", "bob"]) {
      bob.send({ type: "leave", topic, memberId: "m1", user, lost: false });
      bob.send({ type: "leave", topic, memberId: "m1", user, lost: true });
    }
    bob.send({ type: "enter", seq: 1, topic, ...MEMBER, user: "ann" });
    bob.send({ type: "presence", seq: 2, topic, after: 0, limit: 10 });
    const { members } = await bob.first("present");
    expect(members).to.deep.equal([{ memberId: "m1", user: "ann", info: "" }]);
  });

  it("leave nothing behind after a flood of bad tokens, and keep nobody out", async () => {
    let before: number | undefined;
    await eventually("the links of earlier tests have ended", async () => {
      const last = before;
      before = await consumers[0]?.metric("links");
      return before === last;
    });
    const tokens = ["a.b.c", await tokenOf({ secret: `${TOKEN_SECRET}!` }), "x".repeat(4000), "."];
    const headers = { "x-forwarded-for": "192.0.2.1" };
    for (let round = 0; round < 5; round += 1) {
      const flood = Array.from({ length: 40 }, async (_, index) => {
        const socket = await dial({ headers });
        socket.send({ type: "token", token: tokens[index % tokens.length] ?? "" });
        if (index % 5 === 0) socket.end();
        else expect(await socket.closed()).to.match(/^4507 SHARDCAST_TOKEN_INVALID/);
      });
      await Promise.all(flood);
    }
    const token = await tokenOf({ sub: "carl", caps: ROOM });
    const links = await Promise.all([1, 2, 3, 4].map(() => enter(token, { headers })));
    for (const socket of links) socket.end();
    await eventually("all have left", async () => (await consumers[0]?.metric("links")) === before);
    await Promise.all([1, 2, 3, 4].map(() => enter(token, { headers })));
  });

  it("do not get around the links of an address by what they write into a header", async () => {
    const token = (sub: string): Promise<string> => tokenOf({ sub, caps: ROOM });
    const from = (spoofed: string): Readonly<Record<string, string>> => ({
      "x-forwarded-for": `${spoofed}, 198.51.100.7`,
    });
    for (let count = 0; count < 10; count += 1) {
      await enter(await token(`u${count}`), { headers: from(`10.0.0.${count}`) });
    }
    const socket = await dial({ headers: from("10.9.9.9") });
    socket.send({ type: "token", token: await token("u11") });
    expect(await socket.closed()).to.equal("4008 SHARDCAST_LINKS_LIMIT: 10 from one address");
    await enter(await token("u12"), { headers: { "x-forwarded-for": "198.51.100.8" } });
  });

  it("connect from no other page", async () => {
    /** @param origins the values of the Origin headers */
    const status = async (...origins: string[]): Promise<number | undefined> => {
      const { hostname, port } = new URL(url);
      const upgrade = request({
        hostname,
        port,
        path: "/connect",
        headers: {
          connection: "Upgrade",
          upgrade: "websocket",
          origin: origins as string[] & string,
          "sec-websocket-version": "13",
          "sec-websocket-key": "AQIDBAUGBwgJCgsMDQ4PEA==",
          "sec-websocket-protocol": SUBPROTOCOLS.binary,
        },
      }).end();
      const answer = Promise.race([once(upgrade, "response"), once(upgrade, "upgrade")]);
      const [{ statusCode }] = (await answer) as [{ statusCode?: number }];
      upgrade.destroy();
      return statusCode;
    };
    expect(await status(ORIGIN)).to.equal(101);
    for (const origins of [
      ...[["null"], [""], ["https://evil.com"], [`${ORIGIN}.evil.com`], ["http://app.example.com"]],
      ...[
        [ORIGIN, "https://evil.com"],
        ["https://evil.com", ORIGIN],
      ],
    ]) {
      expect(await status(...origins), String(origins)).to.equal(403);
    }
  });
});
