import { expect } from "chai";
import { fetchCluster } from "../src/cluster.ts";
import { clusterOf, failure } from "./support.ts";

const SIGNAL = new AbortController().signal;

/** A node with this answer to GET /cluster. */
function answering(fields: Partial<Response>): { readonly fetch: typeof fetch } {
  return { fetch: () => Promise.resolve({ ok: true, ...fields } as Response) };
}

function naming(...urls: string[]): { readonly fetch: typeof fetch } {
  const nodes = urls.map((url, index) => ({ id: `c${index + 1}`, url }));
  return answering({ json: () => Promise.resolve(clusterOf(nodes, "c1")) });
}

describe("what a node tells of its cluster", () => {
  it("leads from no address with TLS to one without", async () => {
    for (const plain of ["ws://10.0.0.2:9100", "http://10.0.0.2:9100"]) {
      const runtime = naming("wss://10.0.0.1:9100", plain);
      const asking = fetchCluster("wss://example.com", runtime, SIGNAL);
      const { message, retryable } = await failure(asking, "SHARDCAST_OPTION_INVALID");
      expect(message).to.match(/ws:\/\/10.0.0.2:9100 for its consumer c2.*--advertise/);
      expect(retryable).to.be.false;
    }
  });

  it("may lead to TLS, and stay without", async () => {
    const runtime = naming("wss://10.0.0.1:9100", "ws://10.0.0.2:9100");
    const { consumers } = await fetchCluster("ws://example.com", runtime, SIGNAL);
    expect(consumers.map(({ url }) => url)).to.deep.equal([
      "wss://10.0.0.1:9100",
      "ws://10.0.0.2:9100",
    ]);
  });

  it("is not taken from where a redirect leads without TLS", async () => {
    const runtime = answering({
      redirected: true,
      url: "http://example.com/cluster",
      json: () => Promise.resolve(clusterOf([{ id: "c1", url: "wss://10.0.0.1" }], "c1")),
    });
    const asking = fetchCluster("wss://example.com", runtime, SIGNAL);
    const { message } = await failure(asking, "SHARDCAST_LINK_LOST");
    expect(message).to.include("does not use TLS");
  });
});
