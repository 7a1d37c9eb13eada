// When stores work, what they share, and what they do without a client.
import { expect } from "chai";
import type { Client } from "../../src/client.ts";
import type { PresenceEvents } from "../../src/topic-presence.ts";
import { Emitter } from "../../src/emitter.ts";
import { createClient } from "../../src/connect.ts";
import { createStores, Stores } from "../../src/stores/stores.ts";
import type { StoresClient } from "../../src/stores/stores-client.ts";
import { ScriptedNode, closeAll, until } from "../support.ts";

interface FakePresence {
  readonly topic: string;
  readonly events: Emitter<PresenceEvents>;
  readonly calls: string[];
}

/** A client with presences whose members a test chooses. */
function fakeClient(): { client: StoresClient; presences: FakePresence[] } {
  const presences: FakePresence[] = [];
  const client = {
    state: { name: "open", reason: undefined },
    user: "ann",
    on: () => () => undefined,
    presence: (topic: string) => {
      const fake = { topic, events: new Emitter<PresenceEvents>(), calls: [] as string[] };
      presences.push(fake);
      return {
        ...{ memberId: "own", members: [], count: 0, userCount: 0, ready: Promise.resolve() },
        on: fake.events.on.bind(fake.events),
        enter: ({ user, info }: { user: string; info: string }) => {
          fake.calls.push(`enter ${user} ${info}`);
          return Promise.resolve();
        },
        leave: () => fake.calls.push("leave"),
        close: () => fake.calls.push("close"),
      };
    },
  };
  return { client: client as unknown as StoresClient, presences };
}

const nothing = (): void => undefined;

describe("stores", () => {
  afterEach(closeAll);

  it("create the client when one is used, and close it after the last one has gone", async () => {
    const node = await ScriptedNode.listen();
    const clients: Client[] = [];
    const stores = createStores(() => {
      const options = { url: node.url, route: "single", psk: "the key of the tests" } as const;
      const client = createClient(options);
      clients.push(client);
      return client;
    });
    const connection = stores.connection();
    expect(connection.getSnapshot().name).to.equal("connecting");
    expect(clients).to.be.empty;
    const close = stores.open();
    const stop = connection.subscribe(nothing);
    stores.topic("t").subscribe(nothing)();
    await until(() => connection.getSnapshot().name === "open");
    expect(clients).to.have.lengthOf(1);
    // As React does in StrictMode.
    close();
    const closeAgain = stores.open();
    close();
    await until(() => node.link.subscriptions.size === 0);
    expect(clients[0]?.state.name).to.equal("open");
    closeAgain();
    await until(() => clients[0]?.state.name === "closed");
    await until(() => connection.getSnapshot().name === "closed");
    stop();
    expect(clients).to.have.lengthOf(1);
  });

  it("stay as they are at first without a client, and fail what is published", async () => {
    const stores = createStores();
    const all = [
      ...[stores.connection(), stores.topic("t"), stores.publishing("t")],
      ...[stores.presence("t"), stores.typing("t")],
    ];
    for (const store of all) {
      const stop = store.subscribe(nothing);
      expect(store.getSnapshot()).to.deep.equal(store.getServerSnapshot());
      stop();
    }
    const { state, error } = await stores.publishing("t").publish("lost");
    expect(state).to.equal("failed");
    expect(error).to.have.property("code", "SHARDCAST_CLOSED");
  });

  it("call no listener after it is removed, and each once for the changes of a turn", async () => {
    const { client, presences } = fakeClient();
    const store = new Stores(client).presence("t");
    const heard: string[] = [];
    const stop = store.subscribe(() => heard.push("one"));
    const stopOther = store.subscribe(() => heard.push("other"));
    await until(() => heard.length === 2);
    const member = { memberId: "m", user: "bob", info: "" };
    for (let time = 0; time < 5; time += 1) {
      presences[0]?.events.emit("join", { member, isFirst: true });
    }
    stop();
    await until(() => heard.length === 3);
    expect(heard.at(-1)).to.equal("other");
    stopOther();
    await until(() => presences[0]?.calls.at(-1) === "close");
    presences[0]?.events.emit("join", { member, isFirst: true });
    await new Promise((done) => setTimeout(done, 30));
    expect(heard).to.have.lengthOf(3);
  });

  it("enter with one member for all, with the last one's info, and leave after the last", async () => {
    const { client, presences } = fakeClient();
    const stores = new Stores(client);
    const leave = stores.presence("t").enter({ info: "1" });
    const [, calls = []] = [0, presences[0]?.calls];
    await until(() => calls.length === 1);
    // In one turn, as React does for a new info, and in StrictMode.
    leave();
    const leaveFirst = stores.presence("t").enter({ info: "2" });
    const leaveSecond = stores.presence("t").enter({ user: "eve", info: "3" });
    await until(() => calls.length === 2);
    leaveSecond();
    await until(() => calls.length === 3);
    leaveFirst();
    await until(() => calls.at(-1) === "close");
    const entered = ["enter ann 1", "enter eve 3", "enter ann 2"];
    expect(calls).to.deep.equal([...entered, "leave", "close"]);
    expect(presences).to.have.lengthOf(1);
  });

  it("show who types, once per user and without one's own, until their reports stop", async () => {
    const { client, presences } = fakeClient();
    const store = new Stores(client).typing("t", { timeoutMs: 30 });
    const stop = store.subscribe(nothing);
    const [presence] = presences;
    expect(presence?.topic).to.equal("t/typing");
    const join = (memberId: string, user: string): void =>
      presence?.events.emit("join", { member: { memberId, user, info: "1" }, isFirst: true });
    join("1", "bob");
    join("2", "bob");
    join("3", "eve");
    join("4", "ann");
    join("own", "ann");
    await until(() => store.getSnapshot().typing.join() === "bob,eve");
    await until(() => store.getSnapshot().typing.length === 0);
    store.setTyping(true);
    store.setTyping(true);
    await until(() => presence?.calls.at(-1) === "leave");
    expect(presence?.calls).to.deep.equal(["enter ann 1", "leave"]);
    stop();
    await until(() => presence?.calls.at(-1) === "close");
  });
});
