// Presence on real nodes: with local logs, and on Redis.
import { connect, type Client, type ConnectOptions, type Presence } from "@shardcast/client";
import { presenceTopic, type Frame } from "@shardcast/protocol";
import { expect } from "chai";
import { eventually, RedisServer } from "@shardcast/faults";
import { TEST_PSK, TestCluster, ringOf, type NodeProcess } from "@shardcast/e2e/nodes";
import { RawClient } from "@shardcast/e2e/raw-client";
import { describeWith } from "@shardcast/faults/testing";

const IDS = "c1=ws://a,c2=ws://b,c3=ws://c";
const API_KEY = "the key of back ends";
/** Short enough to wait for in a test, and longer than a client takes to reconnect. */
const COMMON = { "presence-timeout": 1500, "heartbeat-interval": 1000, "api-key": API_KEY };

/** A topic whose presence list a given consumer keeps. */
function topicKeptBy(id: string): string {
  const ring = ringOf(IDS);
  for (let number = 0; ; number += 1) {
    const topic = `room-${number}`;
    if (ring.ownerOf(presenceTopic(topic)).id === id) return topic;
  }
}

function usersOf(presence: Presence): string[] {
  return presence.members.map(({ user }) => user).sort();
}

async function untilUsers(presence: Presence, users: readonly string[]): Promise<void> {
  const expected = JSON.stringify([...users].sort());
  await eventually(`${expected} on ${presence.topic}`, () => {
    return JSON.stringify(usersOf(presence)) === expected;
  });
}

/** The events so far, as `+ann` and `-ann`, with `*` for the first or last entry of a user. */
function eventsOf(presence: Presence): string[] {
  const events: string[] = [];
  presence.on("join", ({ member, isFirst }) => events.push(`+${member.user}${isFirst ? "*" : ""}`));
  presence.on("leave", ({ member, isLast }) => events.push(`-${member.user}${isLast ? "*" : ""}`));
  presence.on("update", ({ member }) => events.push(`=${member.user} ${member.info}`));
  return events;
}

for (const log of ["memory", "redis"] as const) {
  describeWith(
    log === "redis" ? ["redis-server", "redis-cli"] : [],
    `presence, with messages in ${log}`,
    function () {
      this.timeout(60_000);
      let redis: RedisServer | undefined;
      let cluster: TestCluster;
      let nodes: NodeProcess[];
      let clients: Client[];

      before(async () => {
        if (log === "redis") redis = await RedisServer.start();
      });

      after(() => redis?.remove());

      beforeEach(async () => {
        cluster = redis === undefined ? await TestCluster.plan(3) : TestCluster.onRedis(redis.url);
        clients = [];
        nodes = await Promise.all([1, 2, 3].map((number) => startConsumer(number)));
        await eventually("all know all", async () => {
          const counts = await Promise.all(nodes.map(countConsumers));
          return counts.every((count) => count === 3);
        });
      });

      afterEach(async () => {
        for (const client of clients) client.close();
        await cluster.stop();
      });

      function startConsumer(number: number): Promise<NodeProcess> {
        return cluster.consumer(number, { args: { ...COMMON, log, "max-present": 5 } });
      }

      async function clientOf(options: Partial<ConnectOptions>): Promise<Client> {
        const client = await connect({ psk: TEST_PSK, ...options });
        clients.push(client);
        return client;
      }

      /** A client that connects to one consumer only. */
      function clientAt(index: number): Promise<Client> {
        return clientOf({ consumers: [nodes[index]?.url ?? ""] });
      }

      async function presenceAt(index: number, topic: string): Promise<Presence> {
        const presence = (await clientAt(index)).presence(topic);
        await presence.ready;
        return presence;
      }

      it("shows everyone everywhere who comes, changes and goes", async () => {
        const topic = topicKeptBy("c2");
        const all = await Promise.all([0, 1, 2].map((index) => presenceAt(index, topic)));
        const [first, second, third] = all;
        if (first === undefined || second === undefined || third === undefined) throw new Error();
        const events = all.map(eventsOf);
        await first.enter({ user: "ann" });
        for (const one of all) await untilUsers(one, ["ann"]);
        await second.enter({ user: "bob", info: "typing" });
        for (const one of all) await untilUsers(one, ["ann", "bob"]);
        await third.enter({ user: "ann" });
        for (const one of all) await untilUsers(one, ["ann", "ann", "bob"]);
        expect([first.count, first.userCount]).to.deep.equal([3, 2]);
        await second.enter({ user: "bob", info: "idle" });
        await eventually("all see bob's info", () =>
          events.every((seen) => seen.includes("=bob idle")),
        );
        first.leave();
        for (const one of all) await untilUsers(one, ["ann", "bob"]);
        second.close();
        third.leave();
        for (const one of [first, third]) await untilUsers(one, []);
        for (const seen of [events[0], events[2]]) {
          expect(seen?.slice(0, 5)).to.deep.equal(["+ann*", "+bob*", "+ann", "=bob idle", "-ann"]);
          expect(seen?.slice(5).sort()).to.deep.equal(["-ann*", "-bob*"]);
        }
      });

      it("has no member leave whose client comes back in time, over whatever node", async () => {
        const topic = topicKeptBy("c1");
        const watcher = await presenceAt(0, topic);
        const events = eventsOf(watcher);
        const urls = nodes.slice(1).map(({ url }) => url);
        const client = await clientOf({ consumers: urls });
        await client.presence(topic, { watch: false }).enter({ user: "ann" });
        await untilUsers(watcher, ["ann"]);
        const at = urls.indexOf(client.nodes()[0]?.url ?? "");
        await nodes[at + 1]?.stop("SIGKILL");
        await eventually("it is at the other node", () => {
          return client.nodes().some(({ url }) => url !== urls[at]);
        });
        // Longer than a lost member is kept.
        await new Promise((resolve) => setTimeout(resolve, 2000));
        expect(events).to.deep.equal(["+ann*"]);
        expect(usersOf(watcher)).to.deep.equal(["ann"]);
      });

      it("has the members of a node leave that was killed, and keeps all others", async () => {
        const topic = topicKeptBy("c1");
        const watcher = await presenceAt(0, topic);
        const staying = await presenceAt(1, topic);
        await staying.enter({ user: "bob" });
        await (await presenceAt(2, topic)).enter({ user: "ann" });
        for (const one of [watcher, staying]) await untilUsers(one, ["ann", "bob"]);
        await nodes[2]?.stop("SIGKILL");
        for (const one of [watcher, staying]) await untilUsers(one, ["bob"]);
      });

      // With Redis, another node keeps the list meanwhile.
      if (log === "memory") {
        it("forgets who has left before the node that keeps the list was there", async () => {
          const topic = topicKeptBy("c3");
          await nodes[2]?.stop("SIGKILL");
          const options = { psk: TEST_PSK, endpoint: "subscribe", path: "/subscribe" } as const;
          const link = await RawClient.open(nodes[0]?.url ?? "", options);
          link.send({ type: "enter", seq: 1, topic, memberId: "m1", user: "ann", info: "" });
          link.send({ type: "presence", seq: 2, topic, after: 0, limit: 0 });
          // The answer to the second frame shows that the first has arrived and waits for the
          // owner.
          await link.first("reject");
          link.socket.terminate();
          nodes[2] = await startConsumer(3);
          const watcher = await presenceAt(0, topic);
          await watcher.enter({ user: "bob" });
          await untilUsers(watcher, ["bob"]);
        });
      }

      it("is right again after the node that keeps the list was killed", async () => {
        const topic = topicKeptBy("c3");
        const watcher = await presenceAt(0, topic);
        const events = eventsOf(watcher);
        await watcher.enter({ user: "ann" });
        await (await presenceAt(1, topic)).enter({ user: "bob" });
        await (await presenceAt(2, topic)).enter({ user: "cid" });
        await untilUsers(watcher, ["ann", "bob", "cid"]);
        await nodes[2]?.stop("SIGKILL");
        // With local logs no other node takes over; the node restarts without the list.
        if (log === "memory") nodes[2] = await startConsumer(3);
        else for (const client of clients.splice(2)) client.close();
        if (log === "memory") await untilUsers(watcher, ["ann", "bob", "cid"]);
        else await untilUsers(watcher, ["ann", "bob"]);
        expect(events.slice(3)).to.deep.equal(log === "memory" ? [] : ["-cid*"]);
        // New members are seen as before.
        await (await presenceAt(1, topic)).enter({ user: "dan" });
        await eventually("dan is seen", () => usersOf(watcher).includes("dan"));
      });

      it("tells back ends over HTTP, page by page, and nobody else", async () => {
        const topic = topicKeptBy("c2");
        for (const user of ["ann", "bob", ""]) {
          await (await presenceAt(0, topic)).enter({ user, info: `info of ${user}` });
        }
        for (const node of nodes) {
          const ask = (query: string, key = `Bearer ${API_KEY}`): Promise<Response> => {
            const url = `${node.httpUrl}/topics/${topic}/presence${query}`;
            return fetch(url, { headers: { authorization: key } });
          };
          const whole = (await (await ask("")).json()) as Page;
          expect(whole).to.include({ topic, count: 3, users: 2, next: 0 });
          expect(whole.members.map(({ info }) => info)).to.deep.equal([
            ...["info of ann", "info of bob", "info of "],
          ]);
          const first = (await (await ask("?limit=2")).json()) as Page;
          expect(first.members).to.deep.equal(whole.members.slice(0, 2));
          const second = (await (await ask(`?limit=2&after=${first.next}`)).json()) as Page;
          expect(second.members).to.deep.equal(whole.members.slice(2));
          expect(second.next).to.equal(0);
          for (const key of ["", "Bearer ", "Bearer wrong", `Basic ${API_KEY}`]) {
            const refused = await ask("", key);
            expect(refused.status).to.equal(401);
            expect(((await refused.json()) as Problem).code).to.equal("SHARDCAST_UNAUTHORIZED");
          }
          const long = await fetch(`${node.httpUrl}/topics/${"x%2F".repeat(122)}/presence`, {
            headers: { authorization: `Bearer ${API_KEY}` },
          });
          expect(((await long.json()) as Page).members).to.deep.equal([]);
          for (const query of ["?limit=-1", "?limit=1001", "?after=x", "?limit="]) {
            expect((await ask(query)).status).to.equal(400);
          }
        }
        // A query must not create a topic.
        for (const node of nodes) expect(await node.metric("presence_topics")).to.be.at.most(1);
        const client = await clientAt(1);
        expect(await client.presence(topic, { watch: false }).numbers()).to.deep.equal({
          count: 3,
          users: 2,
        });
      });

      it("refuses what breaks the rules, at its sender's cost alone", async () => {
        const topic = topicKeptBy("c2");
        const options = { psk: TEST_PSK, endpoint: "subscribe", path: "/subscribe" } as const;
        const link = await RawClient.open(nodes[0]?.url ?? "", options);
        const answerTo = async (frame: Extract<Frame, { seq: number }>): Promise<string> => {
          link.send(frame);
          const isAnswer = (one: Frame): boolean => "seq" in one && one.seq === frame.seq;
          const answer = await eventually("an answer", () => link.frames.find(isAnswer));
          return answer.type === "reject" ? answer.code : answer.type;
        };
        const member = { memberId: "m1", user: "ann", info: "" };
        let seq = 0;
        const enter = (other: Partial<typeof member & { topic: string }>): Promise<string> => {
          seq += 1;
          return answerTo({ type: "enter", seq, topic, ...member, ...other });
        };
        expect(await enter({})).to.equal("entered");
        expect(await enter({ memberId: "" })).to.equal("SHARDCAST_MEMBER_INVALID");
        expect(await enter({ user: "a\nb" })).to.equal("SHARDCAST_MEMBER_INVALID");
        expect(await enter({ info: "x".repeat(1025) })).to.equal("SHARDCAST_MEMBER_INVALID");
        expect(await enter({ topic: "" })).to.equal("SHARDCAST_TOPIC_INVALID");
        expect(await enter({ topic: "x".repeat(246) })).to.equal("SHARDCAST_TOPIC_INVALID");
        expect(await enter({ topic: "$presence/a" })).to.equal("SHARDCAST_TOPIC_RESERVED");
        for (let number = 2; number <= 5; number += 1) {
          expect(await enter({ memberId: `m${number}` })).to.equal("entered");
        }
        expect(await enter({ memberId: "m6" })).to.equal("SHARDCAST_PRESENCE_FULL");
        // Members may still change their info.
        expect(await enter({ info: "still here" })).to.equal("entered");
        const burst = Array.from({ length: 40 }, (_, index): Frame => {
          return { type: "presence", seq: 1000 + index, topic, after: 0, limit: 1000 };
        });
        link.sendAll(burst);
        await eventually("an answer for each", () => {
          return link.frames.filter((one) => "seq" in one && one.seq >= 1000).length === 40;
        });
        const codes = link.frames.flatMap((one) => (one.type === "reject" ? [one.code] : []));
        expect(codes.filter((code) => code === "SHARDCAST_WINDOW_FULL")).to.have.length(24);
        const client = await clientOf({ url: nodes[0]?.url ?? "", route: "single" });
        const refused = await client
          .publish("$presence/room", "x")
          .catch((error: unknown) => error);
        expect(refused).to.have.property("code", "SHARDCAST_TOPIC_RESERVED");
        link.socket.close();
      });
    },
  );
}

interface Page {
  readonly next: number;
  readonly members: { readonly info: string }[];
}

interface Problem {
  readonly code: string;
}

async function countConsumers(node: NodeProcess): Promise<number> {
  const answer: unknown = await (await fetch(`${node.httpUrl}/cluster`)).json();
  return (answer as { consumers: unknown[] }).consumers.length;
}
