// Publishes to a producer over several links, each message with an id, and counts acks.
import { ACK_BYTES, PUBLISH_SEQ_AT, encodeFrame, writeUint32 } from "@shardcast/protocol";
import { PskKeys } from "@shardcast/protocol/proof";
import { BENCH_PSK } from "../peers/shardcast-nodes.ts";
import { topicNames, type Generator } from "./generator.ts";
import type { IngestPlan, LoadResult } from "./load.ts";
import { ShardcastSocket } from "./shardcast-socket.ts";

const ID_DIGITS = 10;
const TIMEOUT_MS = 60_000;

interface Template {
  readonly frame: Uint8Array;
  /** The position of the id's digits in the frame. */
  readonly idAt: number;
}

export class IngestLoad implements Generator {
  readonly #plan: IngestPlan;
  readonly #templates: readonly Template[];
  readonly #links: IngestLink[] = [];
  /** The last id used: every message has a different one. */
  #ids = 0;

  constructor(plan: IngestPlan) {
    this.#plan = plan;
    const payload = Buffer.alloc(plan.payloadBytes, "x");
    const messageId = `bench-${"0".repeat(ID_DIGITS)}`;
    this.#templates = topicNames(plan.topics).map((topic) => {
      const common = { type: "publish", seq: 0, timeoutMs: TIMEOUT_MS, topic } as const;
      const frame = encodeFrame({ ...common, messageId, payload });
      const idAt = Buffer.from(frame).indexOf(messageId) + messageId.length - ID_DIGITS;
      return { frame, idAt };
    });
  }

  async connect(): Promise<void> {
    const { port, links } = this.#plan;
    const encode = (count: number, seq: number): Buffer => this.#encode(count, seq);
    while (this.#links.length < links) this.#links.push(await IngestLink.open(port, encode));
  }

  async run(): Promise<LoadResult> {
    const { messages, inFlight, links } = this.#plan;
    const each = Math.ceil(messages / links);
    const begin = performance.now();
    await Promise.all(this.#links.map((link) => link.publish(each, Math.ceil(inFlight / links))));
    return { count: each * links, ms: performance.now() - begin };
  }

  /** Encodes `count` consecutive publishes, with seqs from `seq` on. */
  #encode(count: number, seq: number): Buffer {
    const frameBytes = this.#templates[0]?.frame.length ?? 0;
    const out = Buffer.allocUnsafe(count * frameBytes);
    for (let index = 0; index < count; index += 1) {
      const template = this.#templates[this.#ids % this.#templates.length];
      if (template === undefined) break;
      const at = index * frameBytes;
      out.set(template.frame, at);
      writeUint32(out, at + PUBLISH_SEQ_AT, (seq + index) >>> 0);
      let rest = this.#ids;
      for (let digit = ID_DIGITS - 1; rest > 0; digit -= 1, rest = Math.floor(rest / 10)) {
        out[at + template.idAt + digit] = 0x30 + (rest % 10);
      }
      this.#ids += 1;
    }
    return out;
  }
}

/** One link: keeps its allowed number of publishes in flight until all are acked. */
class IngestLink {
  readonly #encode: (count: number, seq: number) => Buffer;
  #socket: ShardcastSocket | undefined;
  #sent = 0;
  #acked = 0;
  #changed: () => void = () => undefined;

  private constructor(encode: (count: number, seq: number) => Buffer) {
    this.#encode = encode;
  }

  static async open(
    port: number,
    encode: (count: number, seq: number) => Buffer,
  ): Promise<IngestLink> {
    const link = new IngestLink(encode);
    link.#socket = await ShardcastSocket.open({
      port,
      keys: new PskKeys(BENCH_PSK),
      endpoint: "produce",
      acks: (bytes) => {
        link.#acked += bytes / ACK_BYTES;
        link.#changed();
      },
      // Such as a reject, which must not occur.
      other: ({ type }) => {
        throw new Error(`a publish got ${type}`);
      },
    });
    return link;
  }

  publish(messages: number, inFlight: number): Promise<void> {
    const target = this.#sent + messages;
    return new Promise((resolve) => {
      this.#changed = () => {
        const count = Math.min(target - this.#sent, inFlight - (this.#sent - this.#acked));
        if (count > 0) {
          this.#socket?.send(this.#encode(count, this.#sent));
          this.#sent += count;
        }
        if (this.#acked >= target) resolve();
      };
      this.#changed();
    });
  }
}
