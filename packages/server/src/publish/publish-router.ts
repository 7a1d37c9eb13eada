// Accepts publishes from links and passes each to the target that stores its topic: an uplink or,
// on a consumer, the node's own topics. The checks here cost only the sender.
import type { Runtime } from "@shardcast/process";
import {
  PublishHead,
  topicFault,
  type ErrorCode,
  type RingMember,
  type TopicFault,
} from "@shardcast/protocol";
import type { Membership } from "../cluster/membership.ts";
import type { PublishOrigin, PublishTarget } from "./publish-target.ts";
import type { TopicSchemas } from "./topic-schemas.ts";
import { Unrouted } from "./unrouted.ts";
import type { MovedPublish } from "./moved-publish.ts";

/** The number of topics whose targets are cached. If there are more, the cache is cleared. */
const REMEMBERED_TOPICS = 100_000;
/**
 * Stamped frames share a buffer. A stamp costs 0.3 µs for a frame of 170 bytes; with a buffer for each
 * frame it would be 0.6 µs.
 */
const SLAB_BYTES = 16 * 1024;

export interface PublishRouterOptions {
  readonly runtime: Runtime;
  readonly membership: Membership;
  readonly targetOf: (owner: RingMember) => PublishTarget;
  readonly maxPayloadBytes: number;
  /** How long a publish without a timeout of its own waits for a first consumer, in ms. */
  readonly publishTimeoutMs: number;
  /** Nodes may set reserved attributes, clients may not. */
  readonly senders: "clients" | "nodes";
  /** What clients may publish. @default anything */
  readonly schemas?: TopicSchemas | undefined;
  /**
   * Returns why a topic is not allowed. @default topicFault, which allows none of the system's
   * topics
   */
  readonly topicFault?: (topic: string) => TopicFault | undefined;
}

export class PublishRouter {
  readonly #options: PublishRouterOptions;
  readonly #targets = new Map<string, PublishTarget>();
  readonly #head = new PublishHead();
  readonly #unrouted: Unrouted;
  /** Frames that were stamped. They do not change, so a full slab is replaced. */
  #slab = Buffer.alloc(0);
  #slabEnd = 0;
  /** Why the last publish does not match its schema. */
  #mismatch: string | undefined;

  constructor(options: PublishRouterOptions) {
    this.#options = options;
    this.#unrouted = new Unrouted(options.publishTimeoutMs, options.runtime);
    options.membership.onChange(() => this.#targets.clear());
  }

  /**
   * Routes the publish frame between `start` and `end`. The origin gets an ack or a reject later.
   * @returns false if the frame is malformed, so that the link must be closed
   */
  publish(
    origin: PublishOrigin,
    bytes: Uint8Array,
    start: number,
    end: number,
    windowMessages: number,
  ): boolean {
    const head = this.#head;
    if (!head.read(bytes, start, end)) return false;
    const { seq, topic } = head;
    origin.inFlightCount += 1;
    const refused = origin.refusedTopics?.codeOf(topic);
    if (refused !== undefined) {
      origin.refuse({ seq, topic, code: refused, reason: "one before it was refused" });
      return true;
    }
    if (origin.inFlightCount > windowMessages) {
      const reason = `${windowMessages} is the window`;
      origin.refuse({ seq, topic, code: "SHARDCAST_WINDOW_FULL", reason });
      return true;
    }
    const known = this.#targets.get(topic);
    const target = known ?? this.#route(topic);
    const fault =
      typeof target === "string"
        ? target
        : (origin.access?.publishFault(topic, end - start) ??
          this.#fault(head, bytes, start, end) ??
          (known === undefined ? origin.access?.newTopicFault() : undefined));
    if (fault !== undefined) {
      origin.refuse({ seq, topic, code: fault, reason: this.#detail(fault, head) });
      return true;
    }
    if (typeof target === "string") return true;
    if (known === undefined) this.#remember(topic, target);
    const stamp = origin.access?.stamp;
    if (stamp === undefined) target.publish(origin, head, bytes, start, end);
    else this.#publishStamped(target, origin, start, end, stamp);
    return true;
  }

  /** Publishes the frame in `#head` with the attribute `stamp`, which names the user of the token. */
  #publishStamped(
    target: PublishTarget,
    origin: PublishOrigin,
    start: number,
    end: number,
    stamp: Uint8Array,
  ): void {
    const head = this.#head;
    const bytes = end - start + head.stampBytes(stamp);
    if (this.#slabEnd + bytes > this.#slab.length) {
      this.#slab = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, bytes));
      this.#slabEnd = 0;
    }
    const at = this.#slabEnd;
    this.#slabEnd += bytes;
    head.stamp(start, stamp, this.#slab, at, this.#slabEnd);
    target.publish(origin, head, this.#slab, at, this.#slabEnd);
  }

  /**
   * Passes publishes to the owners in the current ring: those that waited for a first consumer, and
   * those that were in flight to a node that is no longer the owner. Publishes of a sender that has
   * disconnected are left out: it sends those without an answer again, and none may be stored after
   * that.
   */
  reroute(moved: readonly MovedPublish[]): void {
    const head = this.#head;
    for (const { origin, frame } of [...this.#unrouted.take(), ...moved]) {
      if (!origin.isOpen || !head.read(frame, 0, frame.length)) continue;
      const refused = origin.refusedTopics?.codeOf(head.topic);
      if (refused !== undefined || origin.isNode) {
        // The other node sends it to the owner in its own ring.
        const code = refused ?? "SHARDCAST_NOT_OWNER";
        origin.refuse({ seq: head.seq, topic: head.topic, code, reason: "" });
        continue;
      }
      const target = this.#targets.get(head.topic) ?? this.#route(head.topic);
      if (typeof target === "string") {
        origin.refuse({ seq: head.seq, topic: head.topic, code: target, reason: "" });
      } else target.publish(origin, head, frame, 0, frame.length);
    }
  }

  #route(topic: string): PublishTarget | ErrorCode {
    const { membership, targetOf, topicFault: faultOf = topicFault } = this.#options;
    const fault = faultOf(topic);
    if (fault !== undefined) return fault;
    const owner = membership.ownerOf(topic);
    if (owner === undefined) return this.#unrouted;
    return targetOf(owner);
  }

  #remember(topic: string, target: PublishTarget): void {
    // Publishes that wait for a first consumer are routed again later.
    if (target === this.#unrouted) return;
    if (this.#targets.size >= REMEMBERED_TOPICS) this.#targets.clear();
    this.#targets.set(topic, target);
  }

  /** The reason for people, in addition to the code. */
  #detail(fault: ErrorCode, head: PublishHead): string {
    const { maxPayloadBytes } = this.#options;
    if (fault === "SHARDCAST_PAYLOAD_TOO_LARGE") return `${maxPayloadBytes} bytes are the limit`;
    if (fault === "SHARDCAST_SCHEMA_MISMATCH") return this.#mismatch ?? "";
    if (fault === "SHARDCAST_ATTRIBUTES_INVALID" && head.hasReserved) {
      return "names that begin with $ are reserved";
    }
    return "";
  }

  #fault(head: PublishHead, bytes: Uint8Array, start: number, end: number): ErrorCode | undefined {
    const { maxPayloadBytes, senders, schemas } = this.#options;
    if (end - head.payloadStart > maxPayloadBytes) return "SHARDCAST_PAYLOAD_TOO_LARGE";
    if (head.hasReserved && senders === "clients") return "SHARDCAST_ATTRIBUTES_INVALID";
    if (head.fault !== undefined || schemas === undefined) return head.fault;
    this.#mismatch = schemas.mismatch(head.topic, bytes, start, end);
    return this.#mismatch === undefined ? undefined : "SHARDCAST_SCHEMA_MISMATCH";
  }
}
