// A client that connects in the background, and its state.
import { createServer, type AddressInfo } from "node:net";
import { expect } from "chai";
import { ClientStates, type ClientState } from "../src/client-state.ts";
import type { Client } from "../src/client.ts";
import { connect, createClient, createClientWith } from "../src/connect.ts";
import { Emitter } from "../src/emitter.ts";
import type { ConnectOptions } from "../src/options.ts";
import { PLATFORM_RUNTIME } from "../src/runtime.ts";
import { ScriptedNode, closeAll, failure, take, until } from "./support.ts";

const PSK = "the key of the tests";

describe("createClient", () => {
  const clients: Client[] = [];

  afterEach(() => {
    for (const client of clients.splice(0)) client.close();
    return closeAll();
  });

  function create(options: Partial<ConnectOptions>): Client {
    const reconnect = { minMs: 5, maxMs: 20 };
    const client = createClient({ psk: PSK, reconnect, ...options });
    clients.push(client);
    return client;
  }

  function statesOf(client: Client): string[] {
    const states: string[] = [client.state.name];
    client.on("state", ({ name }) => states.push(name));
    return states;
  }

  for (const route of ["direct", "single"] as const) {
    it(`publishes and subscribes before it is connected (${route})`, async () => {
      const node = await ScriptedNode.listen();
      const client = create({ url: node.url, route });
      const states = statesOf(client);
      const subscription = client.subscribe("t", { from: "earliest" });
      const closed = client.subscribe("never");
      const first = client.publish("t", "1");
      const second = client.publish("t", "2");
      closed.close();
      const messages = await take(subscription, 2);
      expect(messages.map(({ data }) => data)).to.deep.equal(["1", "2"]);
      expect([await first, await second].map(({ offset }) => offset)).to.deep.equal([1, 2]);
      expect(states).to.deep.equal(["connecting", "open"]);
      expect(node.frames("subscribe").map(({ topic }) => topic)).to.deep.equal(["t"]);
    });

    it(`goes offline while no node answers, and open when one does (${route})`, async () => {
      const url = await unusedAddress();
      const client = create({ url, route });
      const states = statesOf(client);
      const published = client.publish("t", "kept");
      await until(() => states.at(-1) === "offline");
      expect(client.state.reason).to.have.property("code", "SHARDCAST_LINK_LOST");
      const node = await ScriptedNode.listen({ port: Number(new URL(url).port) });
      await published;
      expect(node.topic("t").messages).to.have.lengthOf(1);
      await until(() => states.at(-1) === "open");
      expect(client.state).to.deep.equal({ name: "open", reason: undefined });
      expect(states).to.deep.equal(["connecting", "offline", "open"]);
    });
  }

  it("reports a state that was read before it is reported", async () => {
    let isOpen = false;
    const emitter = new Emitter<{ readonly state: ClientState }>();
    const states = new ClientStates({ isOpen: () => isOpen, isOffline: () => false }, emitter);
    const reported: string[] = [];
    emitter.on("state", ({ name }) => reported.push(name));
    isOpen = true;
    expect(states.current.name).to.equal("open");
    states.update();
    await until(() => reported.length > 0);
    expect(reported).to.deep.equal(["open"]);
  });

  it("is connecting after a lost link, and open again without a visible state between links", async () => {
    const node = await ScriptedNode.listen();
    const client = create({ url: node.url, route: "single" });
    await client.ready();
    const states = statesOf(client);
    node.link.drop();
    // Reading the state takes no event away.
    await until(() => node.links.length === 2 && client.state.name === "open");
    await until(() => states.length === 3);
    expect(states).to.deep.equal(["open", "connecting", "open"]);
    node.link.send({ type: "drain", withinMs: 0 });
    await until(() => node.links.length === 3 && client.nodes().length === 1);
    await client.probe();
    expect(states).to.have.lengthOf(3);
  });

  it("is offline without a link where the platform has no network", async () => {
    const url = await unusedAddress();
    const runtime = { ...PLATFORM_RUNTIME, isOffline: () => true };
    const client = createClientWith({ psk: PSK, url, route: "single" }, runtime);
    clients.push(client);
    expect(client.state.name).to.equal("offline");
  });

  it("is closed with the error that ended it", async () => {
    const node = await ScriptedNode.listen({ psk: "another key of the tests" });
    const client = create({ url: node.url, route: "single" });
    const states = statesOf(client);
    const published = client.publish("t", "x");
    const error = await client.closed;
    expect(error).to.have.property("code", "SHARDCAST_HANDSHAKE_FAILED");
    expect(client.state).to.deep.equal({ name: "closed", reason: error });
    await failure(published, "SHARDCAST_HANDSHAKE_FAILED");
    await failure(client.ready(), "SHARDCAST_HANDSHAKE_FAILED");
    await until(() => states.at(-1) === "closed");
  });

  it("ends when its signal is aborted, and so does connect", async () => {
    const node = await ScriptedNode.listen();
    const controller = new AbortController();
    const client = create({ url: node.url, route: "single", signal: controller.signal });
    await client.ready();
    const url = await unusedAddress();
    const { signal } = controller;
    const connecting = connect({ psk: PSK, url, route: "single", signal });
    const reason = new Error("no longer needed");
    controller.abort(reason);
    expect(await connecting.catch((error: unknown) => error)).to.equal(reason);
    expect(await client.closed).to.be.undefined;
    expect(() => create({ url, signal })).to.throw(reason);
  });

  it("reports what it does where debug is given", async () => {
    const node = await ScriptedNode.listen();
    const events: string[] = [];
    const client = create({ url: node.url, route: "single", debug: (event) => events.push(event) });
    await client.ready();
    client.close();
    expect(events).to.include.members(["link open", "client closed"]);
  });
});

/** The address of a port on which nothing listens. */
async function unusedAddress(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return `ws://127.0.0.1:${port}`;
}
