// Publishes to a producer over one link, each message with an id, and counts acks.
import { ACK_BYTES, PUBLISH_SEQ_AT, encodeFrame, writeUint32 } from "@shardcast/protocol";
import { PskKeys } from "@shardcast/protocol/proof";
import { topicNames, type Generator } from "./generator.ts";
import type { IngestPlan, LoadResult } from "./load.ts";
import { BENCH_PSK } from "../peers/shardcast-nodes.ts";
import { ShardcastSocket } from "./shardcast-socket.ts";

const ID_DIGITS = 10;
const TIMEOUT_MS = 60_000;

interface Template {
  readonly frame: Uint8Array;
  /** Where the digits of the id begin. */
  readonly idAt: number;
}

export class IngestLoad implements Generator {
  readonly #plan: IngestPlan;
  readonly #templates: readonly Template[];
  #socket: ShardcastSocket | undefined;
  #acked = 0;
  #sent = 0;
  #changed: () => void = () => undefined;

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
    this.#socket = await ShardcastSocket.open({
      port: this.#plan.port,
      keys: new PskKeys(BENCH_PSK),
      endpoint: "produce",
      acks: (bytes) => {
        this.#acked += bytes / ACK_BYTES;
        this.#changed();
      },
    });
  }

  async run(): Promise<LoadResult> {
    const { messages, inFlight } = this.#plan;
    const target = this.#sent + messages;
    const begin = performance.now();
    await new Promise<void>((resolve) => {
      this.#changed = () => {
        const count = Math.min(target - this.#sent, inFlight - (this.#sent - this.#acked));
        if (count > 0) this.#send(count);
        if (this.#acked >= target) resolve();
      };
      this.#changed();
    });
    return { count: messages, ms: performance.now() - begin };
  }

  #send(count: number): void {
    const frameBytes = this.#templates[0]?.frame.length ?? 0;
    const out = Buffer.allocUnsafe(count * frameBytes);
    for (let at = 0; at < out.length; at += frameBytes) {
      const template = this.#templates[this.#sent % this.#templates.length];
      if (template === undefined) return;
      out.set(template.frame, at);
      writeUint32(out, at + PUBLISH_SEQ_AT, this.#sent >>> 0);
      let rest = this.#sent;
      for (let digit = ID_DIGITS - 1; rest > 0; digit -= 1, rest = Math.floor(rest / 10)) {
        out[at + template.idAt + digit] = 0x30 + (rest % 10);
      }
      this.#sent += 1;
    }
    this.#socket?.send(out);
  }
}
