// Remembers accepted webhooks as long as their timestamps are valid, so that none is accepted twice. Only within this
// process: after a restart, and across nodes, the receiver must recognize repeats by the message id.
//
//   claim ─▶ claimed ─┬─ accept  ─▶ a repeat is a replay, until its timestamp is too old
//                     └─ release ─▶ forgotten: the sender may send it again
import { createHash } from "node:crypto";
import { ShardcastError } from "@shardcast/protocol";
import type { WebhookStamp } from "./signed-content.ts";
import { DEFAULT_TOLERANCE_S, timestampFault } from "./tolerance.ts";

const DEFAULT_LIMIT = 100_000;
/** 144 bits, so that a collision cannot be found. */
const DIGEST_CHARACTERS = 24;

export interface ReplayGuardOptions {
  /** The tolerance with which requests are verified, in seconds. @default 300 */
  readonly toleranceS?: number;
  /** Maximum number of remembered webhooks; beyond it `claim` returns `full`. About 150 bytes each. @default 100000 */
  readonly limit?: number;
  /** Returns the current time, in ms since 1970. @default Date.now */
  readonly now?: () => number;
}

/** The exclusive right to process one request. Only the first call of `accept` or `release` has an effect. */
export interface ReplayClaim {
  /** The request was processed: repeats are replays from now on. */
  accept(): void;
  /** Processing failed: the same request may come again. */
  release(): void;
}

export type ClaimVerdict =
  | { readonly type: "claimed"; readonly claim: ReplayClaim }
  /** The same request was accepted before. */
  | { readonly type: "replay" }
  /** The same request is being processed; it may be released later. */
  | { readonly type: "busy" }
  /** The timestamp is outside the tolerance, or so old that the same request may be forgotten already. */
  | { readonly type: "outside" }
  /** There is no room until the timestamps of some remembered requests are too old. Retryable. */
  | { readonly type: "full"; readonly code: "SHARDCAST_NODE_FULL" };

/** A claimed request. */
interface ClaimedRequest {
  isAccepted: boolean;
}

/**
 * Decides whether a verified webhook is a repeat: one with the same id and timestamp. A retry that the sender signed
 * again has a new timestamp and passes; the receiver must recognize it by its id. If the clock is set back, the guard
 * refuses timestamps that it may have forgotten.
 */
export class ReplayGuard {
  readonly #toleranceS: number;
  readonly #limit: number;
  readonly #now: () => number;
  /** By timestamp, then by the digest of the id: all requests of a second are forgotten together. */
  readonly #seconds = new Map<number, Map<string, ClaimedRequest>>();
  #count = 0;
  #sweptAtS = -Infinity;
  #forgottenS = -Infinity;

  /** @throws SHARDCAST_OPTION_INVALID if a number is not a whole number above 0 */
  constructor(options: ReplayGuardOptions = {}) {
    this.#toleranceS = wholeNumber("toleranceS", options.toleranceS ?? DEFAULT_TOLERANCE_S);
    this.#limit = wholeNumber("limit", options.limit ?? DEFAULT_LIMIT);
    this.#now = options.now ?? Date.now;
  }

  /** Number of remembered webhooks, including unsettled claims. */
  get count(): number {
    return this.#count;
  }

  /** Claims a request that {@link verifyWebhook} found valid, before it is processed. */
  claim({ id, timestampS }: WebhookStamp): ClaimVerdict {
    const nowMs = this.#now();
    this.#forgetOld(nowMs);
    const isOutside = timestampFault(timestampS, nowMs, this.#toleranceS) !== undefined;
    if (isOutside || timestampS <= this.#forgottenS) return { type: "outside" };
    const digest = digestOf(id);
    const second = this.#seconds.get(timestampS) ?? new Map<string, ClaimedRequest>();
    const known = second.get(digest);
    if (known !== undefined) return { type: known.isAccepted ? "replay" : "busy" };
    if (this.#count >= this.#limit) return { type: "full", code: "SHARDCAST_NODE_FULL" };
    const claimed = { isAccepted: false };
    this.#seconds.set(timestampS, second.set(digest, claimed));
    this.#count += 1;
    return { type: "claimed", claim: this.#claimOf(timestampS, digest, claimed) };
  }

  #claimOf(timestampS: number, digest: string, claimed: ClaimedRequest): ReplayClaim {
    return {
      accept: () => {
        claimed.isAccepted = true;
      },
      release: () => {
        const second = this.#seconds.get(timestampS);
        // Forgotten meanwhile, or released and claimed again.
        if (claimed.isAccepted || second?.get(digest) !== claimed) return;
        second.delete(digest);
        if (second.size === 0) this.#seconds.delete(timestampS);
        this.#count -= 1;
      },
    };
  }

  /** Runs at most once per second: it checks up to twice the tolerance of seconds. */
  #forgetOld(nowMs: number): void {
    const nowS = Math.floor(nowMs / 1000);
    if (nowS === this.#sweptAtS) return;
    this.#sweptAtS = nowS;
    for (const [timestampS, second] of this.#seconds) {
      if (timestampFault(timestampS, nowMs, this.#toleranceS) !== "too-old") continue;
      this.#seconds.delete(timestampS);
      this.#count -= second.size;
      this.#forgottenS = Math.max(this.#forgottenS, timestampS);
    }
  }
}

function digestOf(id: string): string {
  return createHash("sha256").update(id).digest("base64url").slice(0, DIGEST_CHARACTERS);
}

function wholeNumber(name: string, value: number): number {
  if (Number.isSafeInteger(value) && value > 0) return value;
  const detail = `${name} must be a whole number above 0, not ${value}`;
  throw new ShardcastError("SHARDCAST_OPTION_INVALID", detail);
}
