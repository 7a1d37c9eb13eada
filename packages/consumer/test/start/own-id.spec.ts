// Which entry of --consumers a consumer takes for itself.
import { ShardcastError } from "@shardcast/protocol";
import { expect } from "chai";
import { ownId, type Machine } from "../../src/start/own-id.ts";

const HOSTS: Readonly<Record<string, readonly string[]>> = {
  "app-consumer-1": ["10.1.0.2"],
  "app-consumer-2": ["fd00::3", "10.1.0.3"],
  "fd00::9": ["fd00::9"],
};
const MEMBERS = [
  { id: "c1", url: "ws://app-consumer-1:9100" },
  { id: "c2", url: "ws://app-consumer-2:9100" },
];

/** A machine of these addresses, in a network that knows HOSTS. */
function machine(...addresses: string[]): Machine {
  return {
    addresses: () => ["127.0.0.1", ...addresses],
    resolve: (host) => {
      const found = HOSTS[host];
      return found === undefined ? Promise.reject(new Error("ENOTFOUND")) : Promise.resolve(found);
    },
  };
}

async function refusal(work: Promise<string>): Promise<ShardcastError> {
  try {
    await work;
  } catch (error) {
    if (error instanceof ShardcastError) return error;
    throw error;
  }
  throw new Error("it found an id");
}

describe("own id", () => {
  it("is the entry that resolves to an address of this machine", async () => {
    expect(await ownId(MEMBERS, 9100, machine("10.1.0.2"))).to.equal("c1");
    expect(await ownId(MEMBERS, 9100, machine("10.1.0.3"))).to.equal("c2");
    expect(await ownId(MEMBERS, 9100, machine("10.1.0.9", "fd00::3"))).to.equal("c2");
  });

  it("is found while the other entries do not resolve, or never answer", async () => {
    const gone = { id: "c0", url: "ws://app-consumer-0:9100" };
    expect(await ownId([gone, ...MEMBERS], 9100, machine("10.1.0.3"))).to.equal("c2");
    const own = machine("10.1.0.3");
    const slow: Machine = {
      ...own,
      resolve: (host) =>
        host === "app-consumer-2" ? own.resolve(host) : new Promise(() => undefined),
    };
    expect(await ownId(MEMBERS, 9100, slow)).to.equal("c2");
  });

  it("goes by the port among the consumers of one machine", async () => {
    const members = [9100, 9101].map((port) => ({
      id: `on-${port}`,
      url: `ws://app-consumer-1:${port}`,
    }));
    expect(await ownId(members, 9101, machine("10.1.0.2"))).to.equal("on-9101");
  });

  it("knows the ports that a URL leaves out, and addresses in brackets", async () => {
    const members = [
      { id: "plain", url: "ws://app-consumer-1" },
      { id: "secure", url: "wss://app-consumer-1" },
      { id: "six", url: "ws://[fd00::9]:9100" },
    ];
    expect(await ownId(members, 80, machine("10.1.0.2"))).to.equal("plain");
    expect(await ownId(members, 443, machine("10.1.0.2"))).to.equal("secure");
    expect(await ownId(members, 9100, machine("fd00::9"))).to.equal("six");
  });

  it("says what is listed and what to do where this machine is not listed", async () => {
    const { code, message } = await refusal(ownId(MEMBERS, 9100, machine("10.1.0.4")));
    expect(code).to.equal("SHARDCAST_OPTION_INVALID");
    expect(message).to.include("c1=ws://app-consumer-1:9100,c2=ws://app-consumer-2:9100");
    expect(message).to.include("port 9100 at 127.0.0.1 or 10.1.0.4");
    expect(message).to.include("set CONSUMERS");
  });

  it("is none where no entry has the port", async () => {
    const { code } = await refusal(ownId(MEMBERS, 9109, machine("10.1.0.2")));
    expect(code).to.equal("SHARDCAST_OPTION_INVALID");
  });

  it("asks the real machine by itself", async () => {
    const members = [
      { id: "here", url: "ws://127.0.0.1:9100" },
      { id: "elsewhere", url: "ws://192.0.2.1:9100" },
    ];
    expect(await ownId(members, 9100)).to.equal("here");
  });
});
