// Compares docs/protocol.md with the code: all tables in both directions, every example and every vector.
import { readFileSync, readdirSync } from "node:fs";
import { resolve } from "node:path";
import { expect } from "chai";
import murmurhash from "murmurhash";
import * as protocol from "../src/index.ts";
import {
  ENDPOINTS,
  ERRORS,
  FRAME_TYPES,
  NodeHandshake,
  Ring,
  SHARD_COUNT,
  SUBPROTOCOLS,
  ClientHandshake,
  decodeFrames,
  decodeJsonFrames,
  encodeFrame,
  encodeJsonFrame,
  handshakeTranscript,
  isFrameAllowed,
  isReconnectable,
  parseFrom,
  shardOf,
  type Endpoint,
  type ErrorEntry,
  type Frame,
  type LinkLimits,
  type Subprotocol,
} from "../src/index.ts";
import * as limits from "../src/limits.ts";
import { PskKeys, keyIdOf, legacyAnswer } from "../src/proof.ts";
import { ProtocolDocument, codesIn, type Fence } from "./document.ts";
import { FRAME_NAMES, hex, unhex } from "./support.ts";

const page = new ProtocolDocument();

/** The bytes of an example: the part of a line before two blanks. */
function bytesOf(fence: Fence): Uint8Array {
  return unhex(fence.lines.map((line) => line.split("  ", 1)[0] ?? "").join(""));
}

function onlyFence(language: string): Fence {
  const fences = page.fencesOf(language);
  expect(fences).to.have.length(1);
  const [fence] = fences;
  if (fence === undefined) throw new Error(`no ${language} block`);
  return fence;
}

describe("docs/protocol.md", () => {
  describe("anchors", () => {
    it("has a heading for each of its own links", () => {
      const links = Array.from(page.text.matchAll(/\]\(#([^)]+)\)/g), (match) => match[1] ?? "");
      expect(links).not.to.be.empty;
      for (const link of links) expect(page.anchors).to.include(link);
    });

    it("has a heading for each link in a source file", () => {
      const links = readdirSync(resolve("packages"))
        .flatMap((name) => {
          const folder = resolve("packages", name, "src");
          return readdirSync(folder).map((file) => resolve(folder, file));
        })
        .filter((file) => file.endsWith(".ts"))
        .flatMap((file) => {
          const source = readFileSync(file, "utf8");
          return Array.from(source.matchAll(/protocol\.md#([\w-]+)/g), (match) => match[1] ?? "");
        });
      expect(links).to.include.members([
        ...["handshake", "frames", "binary", "json", "content", "topics", "ring", "positions"],
        ...["endpoints", "close-codes", "legacy"],
      ]);
      for (const link of links) expect(page.anchors).to.include(link);
    });

    it("has no heading twice", () => {
      expect(new Set(page.anchors).size).to.equal(page.anchors.length);
    });
  });

  describe("tables", () => {
    it("lists the endpoints, and what may be sent there", () => {
      const listed = page.table("Endpoints").map(([name = "", , , frames = ""]) => {
        return [codesIn(name)[0], codesIn(frames)];
      });
      expect(Object.fromEntries(listed) as unknown).to.deep.equal(ENDPOINTS);
      expect(listed).to.have.length(Object.keys(ENDPOINTS).length);
    });

    it("lists the subprotocols in the order in which a node prefers them", () => {
      const listed = page.table("Subprotocols").map(([name = ""]) => codesIn(name)[0]);
      expect(listed).to.deep.equal(Object.values(SUBPROTOCOLS));
    });

    it("gives paths that are percent-encoded as URL parsers read them", () => {
      for (const row of page.table("Topics in paths")) {
        const [topic = "", from = "", target = ""] = row.map((cell) => codesIn(cell)[0] ?? "");
        const url = new URL(target, "ws://node");
        expect(url.pathname).to.equal(`/subscribe/${encodeURIComponent(topic)}`);
        expect(decodeURIComponent(url.pathname.split("/")[2] ?? "")).to.equal(topic);
        expect(parseFrom(url.searchParams.get("from") ?? "live")).to.deep.equal(parseFrom(from));
      }
    });

    it("names codes of the table for refused upgrades", () => {
      for (const [, code = ""] of page.table("Refused upgrades")) {
        expect(ERRORS).to.have.own.property(codesIn(code)[0] ?? "");
      }
    });

    it("lists the frames, their types and who sends them", () => {
      const rows = page.table("Frames");
      const listed = rows.map(([name = "", type = ""]) => [codesIn(name)[0], Number(type)]);
      expect(Object.fromEntries(listed) as unknown).to.deep.equal(FRAME_TYPES);
      expect(rows).to.have.length(FRAME_NAMES.length);
      for (const [, type, sender = ""] of rows) {
        const isProof = Number(type) === FRAME_TYPES.proof;
        const isClients = Object.keys(ENDPOINTS).some((endpoint) => {
          return isFrameAllowed(endpoint as Endpoint, Number(type));
        });
        expect(sender !== "node").to.equal(isClients || isProof);
      }
    });

    it("lists the limits of the protocol, and their values", () => {
      const listed = page.table("Limits").map(([name = "", value]) => {
        return [codesIn(name)[0], Number(value)];
      });
      expect(Object.fromEntries(listed) as unknown).to.deep.equal({ ...limits, SHARD_COUNT });
      expect(listed).to.have.length(Object.keys(limits).length + 1);
    });

    it("lists the limits of a link that a welcome tells, with those of the example", () => {
      const told = page.table("Limits", 1).flatMap(([name = "", value]) => {
        const [field] = codesIn(name);
        return field === undefined ? [] : [[field, Number(value)]];
      });
      const welcome = decodeJsonFrames(onlyFence("ndjson").lines.join("\n")).find(
        (frame) => frame.type === "welcome",
      );
      if (welcome?.type !== "welcome") throw new Error("no welcome among the examples");
      const { maxPayloadBytes, maxTopics, windowMessages, heartbeatMs } = welcome;
      const expected: LinkLimits = { maxPayloadBytes, maxTopics, windowMessages, heartbeatMs };
      expect(Object.fromEntries(told) as unknown).to.deep.equal(expected);
    });

    it("lists the errors, their close codes, whether to retry, and their meaning", () => {
      const rows = page.table("Errors");
      const listed = rows.map(([code = "", close = "", retry, message]) => {
        const closeCode = close === "–" ? {} : { closeCode: Number(close) };
        return [codesIn(code)[0], { message, retryable: retry === "yes", ...closeCode }];
      });
      expect(Object.fromEntries(listed) as unknown).to.deep.equal(ERRORS);
      expect(rows).to.have.length(Object.keys(ERRORS).length);
    });

    it("names no error that there is not", () => {
      for (const [code] of page.text.matchAll(/SHARDCAST_[A-Z_]+/g)) {
        expect(ERRORS).to.have.own.property(code);
      }
    });

    it("says which close codes let a client reconnect", () => {
      const [, no = []] = page.table("Close codes");
      const ranges = Array.from((no[0] ?? "").matchAll(/(\d+)–(\d+)/g), ([, first, last]) => {
        return [Number(first), Number(last)] as const;
      });
      for (let closeCode = 1000; closeCode < 5000; closeCode += 1) {
        const isNo =
          closeCode === 1009 ||
          ranges.some(([first, last]) => closeCode >= first && closeCode <= last);
        expect(isReconnectable(closeCode), `${closeCode}`).to.equal(!isNo);
      }
      for (const entry of Object.values<ErrorEntry>(ERRORS)) {
        if (entry.closeCode !== undefined) expect(page.text).to.include(`${entry.closeCode}`);
      }
    });

    it("lists starts that can be parsed", () => {
      const examples: Record<string, string> = {
        "<epoch>": "0123456789abcdef",
        "<offset>": "42",
        "<count>": "10",
        "<ms>": "1700000000000",
      };
      const kinds = page.table("Positions").map(([start = ""]) => {
        const text = (codesIn(start)[0] ?? "").replaceAll(
          /<\w+>/g,
          (name) => examples[name] ?? name,
        );
        return parseFrom(text).type;
      });
      expect(kinds).to.deep.equal(["live", "earliest", "position", "last", "since"]);
    });
  });

  describe("examples", () => {
    const lines = onlyFence("ndjson").lines;
    const examples = lines.map((line) => {
      const [frame] = decodeJsonFrames(line);
      if (frame === undefined) throw new Error(`no frame: ${line}`);
      return { line, frame };
    });

    it("has one in JSON and at least one in hex, under its own heading, for every frame", () => {
      expect(examples.map(({ frame }) => frame.type)).to.deep.equal(FRAME_NAMES);
      const headings = new Set(page.fencesOf("hex").map((fence) => fence.heading));
      expect([...headings]).to.deep.equal(FRAME_NAMES);
    });

    for (const { line, frame } of examples) {
      it(`shows the same ${frame.type} in hex and in JSON, to the byte`, () => {
        expect(encodeJsonFrame(frame)).to.equal(line);
        const fence = page.fencesOf("hex").find(({ heading }) => heading === frame.type);
        if (fence === undefined) throw new Error("no hex");
        expect(hex(bytesOf(fence))).to.equal(hex(encodeFrame(frame)));
        expect(decodeFrames(bytesOf(fence))).to.deep.equal([frame]);
      });
    }

    it("shows every kind of start in hex", () => {
      const kinds = page
        .fencesOf("hex")
        .filter(({ heading }) => heading === "subscribe")
        .flatMap((fence) => decodeFrames(bytesOf(fence)))
        .map((frame) => (frame.type === "subscribe" ? frame.from.type : frame.type));
      expect(kinds).to.deep.equal(["position", "live", "earliest", "last", "since"]);
    });

    it("draws every frame", () => {
      const drawn = page.fencesOf("text").filter(({ lines: drawing }) => {
        return drawing.some((row) => row.startsWith("| header"));
      });
      expect(drawn.map(({ heading }) => heading)).to.deep.equal(FRAME_NAMES);
    });
  });

  describe("handshake example", () => {
    const fields = new Map<string, string>();
    let last = "";
    for (const line of onlyFence("handshake").lines) {
      const [, name = "", value = ""] = /^(\w*)\s+(.*)$/.exec(line) ?? [];
      if (name !== "") last = name;
      fields.set(last, (fields.get(last) ?? "") + value);
    }
    const field = (name: string): string => {
      const value = fields.get(name);
      if (value === undefined) throw new Error(`the example has no ${name}`);
      return value;
    };
    const context = {
      endpoint: field("endpoint") as Endpoint,
      subprotocol: field("subprotocol") as Subprotocol,
    };
    const nonces = { node: unhex(field("nodeNonce")), client: unhex(field("clientNonce")) };

    it("has the key's id", () => {
      expect(keyIdOf(field("psk"))).to.equal(field("keyId"));
    });

    for (const label of ["client", "node"] as const) {
      it(`has the ${label}'s transcript and mac`, () => {
        const transcript = handshakeTranscript(label, context, nonces);
        expect(hex(transcript)).to.equal(field(`${label}Transcript`));
        const keys = new PskKeys(field("psk"));
        expect(hex(keys.mac(keys.keyId, transcript) ?? new Uint8Array(0))).to.equal(
          field(`${label}Mac`),
        );
      });
    }

    it("has the frames that the two sides send", () => {
      const keys = new PskKeys(field("psk"));
      const node = new NodeHandshake(keys, context, nonces.node);
      const client = new ClientHandshake({ type: "keys", keys }, context, nonces.client);
      expect(hex(encodeFrame(node.challenge))).to.equal(field("challengeFrame"));
      const step = client.receive(node.challenge);
      if (step.type !== "send" || step.frame.type !== "proof") throw new Error("no proof");
      expect(hex(encodeFrame(step.frame))).to.equal(field("proofFrame"));
      const [example] = decodeFrames(unhex(field("welcomeFrame")));
      if (example?.type !== "welcome") throw new Error("no welcome");
      const welcome = node.accept(step.frame, example);
      if (welcome === undefined) throw new Error("the proof is not accepted");
      expect(hex(encodeFrame(welcome))).to.equal(field("welcomeFrame"));
      expect(client.receive(welcome).type).to.equal("open");
    });
  });

  describe("subscription example", () => {
    const session = onlyFence("session").lines.filter((line) => !line.startsWith("  "));

    it("has frames that each side may send, as the codec writes them", () => {
      for (const line of session) {
        const [frame] = decodeJsonFrames(line.slice(2));
        if (frame === undefined) throw new Error(`no frame: ${line}`);
        expect(encodeJsonFrame(frame)).to.equal(line.slice(2));
        const isClients = isFrameAllowed("subscribe", FRAME_TYPES[frame.type]);
        expect(line.slice(0, 2)).to.equal(isClients ? "C " : "N ");
      }
    });

    it("keeps the rules of offsets, gaps and positions", () => {
      let next = { epoch: "", offset: 0 };
      let topicId = -1;
      for (const frame of session.flatMap((line): Frame[] => decodeJsonFrames(line.slice(2)))) {
        switch (frame.type) {
          case "subscribe":
            if (frame.from.type === "position") {
              // The client resumes after the last message that it received.
              expect(frame.from.position).to.deep.equal({ ...next, offset: next.offset - 1 });
            }
            break;
          case "subscribed":
            if (!frame.recovered) expect(frame.position.offset + 1).to.be.at.least(frame.oldest);
            topicId = frame.topicId;
            next = { epoch: frame.position.epoch, offset: frame.position.offset + 1 };
            break;
          case "gap":
            expect(frame.last).to.be.at.least(frame.first - 1);
            next = { epoch: frame.epoch, offset: frame.last + 1 };
            break;
          case "message":
            expect(frame).to.include({ topicId, offset: next.offset });
            next = { ...next, offset: next.offset + 1 };
            break;
          default:
            expect(frame.type).to.be.oneOf(["unsubscribe", "unsubscribed"]);
        }
      }
      expect(next).to.deep.equal({ epoch: "fedcba9876543210", offset: 2 });
    });
  });

  describe("vectors", () => {
    const ring = new Ring(["c1", "c2", "c3"].map((id) => ({ id, url: `ws://${id}.test` })));

    it("has hashes, shards, scores and owners", () => {
      const rows = page.table("Ring");
      expect(rows).to.have.length.at.least(6);
      for (const [name = "", hash, shard, ...rest] of rows) {
        const topic = codesIn(name)[0] ?? "";
        expect(murmurhash.v3(topic, 0).toString(16).padStart(8, "0")).to.equal(hash);
        expect(shardOf(topic)).to.equal(Number(shard));
        const scores = ["c1", "c2", "c3"].map(
          (id) => `${murmurhash.v3(`${id}/${shard ?? ""}`, 0)}`,
        );
        expect([...scores, ring.ownerOf(topic).id]).to.deep.equal(rest);
      }
    });

    it("counts each consumer's shards", () => {
      const counts: Record<string, number> = {};
      for (let shard = 0; shard < SHARD_COUNT; shard += 1) {
        const { id } = ring.ownerOfShard(shard);
        counts[id] = (counts[id] ?? 0) + 1;
      }
      const sentence = /Of the 1024 shards, `c1` owns (\d+), `c2` (?:owns )?(\d+) and `c3` (\d+)/;
      const [, c1, c2, c3] = sentence.exec(page.text) ?? [];
      expect(counts).to.deep.equal({ c1: Number(c1), c2: Number(c2), c3: Number(c3) });
    });

    it("has answers of the original queue's protocol", () => {
      const rows = page.table("Legacy", 1);
      expect(rows).to.have.length(3);
      for (const [psk = "", once, answer = ""] of rows) {
        expect(legacyAnswer(codesIn(psk)[0] ?? "", Number(once))).to.equal(codesIn(answer)[0]);
      }
    });
  });

  it("is about what the package exports", () => {
    for (const name of Object.keys(limits)) expect(protocol).to.have.property(name);
  });
});
