// Remembers the webhooks that were accepted for as long as their timestamps are good, so that none is taken twice.
// In this process only: what a restart forgets, and what another node took, the message id has to tell.
//
//   claim ─▶ claimed ─┬─ accept  ─▶ a repeat is a replay, until its timestamp is too old
//                     └─ release ─▶ forgotten: the sender may repeat it
import { createHash } from "node:crypto";
import { ShardcastError } from "@shardcast/protocol";
import type { WebhookStamp } from "./signed-content.ts";
import { DEFAULT_TOLERANCE_S, timestampFault } from "./tolerance.ts";

const DEFAULT_LIMIT = 100_000;
/** 144 bits: nobody finds two ids with the same. */
const DIGEST_CHARACTERS = 24;

export interface ReplayGuardOptions {
  /** The tolerance that requests are verified with, in seconds. @default 300 */
  readonly toleranceS?: number;
  /** How many are remembered at most; beyond it `claim` says `full`. About 150 bytes each. @default 100000 */
  readonly limit?: number;
  /** Now, in ms since 1970. @default Date.now */
  readonly now?: () => number;
}

/** The right to work on one request. Settle it once: what comes after that changes nothing. */
export interface ReplayClaim {
  /** The work is done: repeats are replays from now on. */
  accept(): void;
  /** The work failed: the very same request may come again. */
  release(): void;
}

export type ClaimVerdict =
  | { readonly type: "claimed"; readonly claim: ReplayClaim }
  /** The same request was accepted before. */
  | { readonly type: "replay" }
  /** The same request is being worked on; it may yet be released. */
  | { readonly type: "busy" }
  /** The timestamp is outside the tolerance, or so old that the same request may have been forgotten. */
  | { readonly type: "outside" }
  /** There is no room until some of what is remembered is too old. Retryable. */
  | { readonly type: "full"; readonly code: "SHARDCAST_NODE_FULL" };

/** A request that was claimed. */
interface Seen {
  isAccepted: boolean;
}

/**
 * Tells whether a verified webhook is a repeat. Two are the same where id and timestamp are: a retry that its sender
 * signed anew passes, and is known by its id further on. A clock that is set back opens nothing: what may have been
 * forgotten is refused.
 */
export class ReplayGuard {
  readonly #toleranceS: number;
  readonly #limit: number;
  readonly #now: () => number;
  /** By timestamp, then by the digest of the id: a second is forgotten as a whole. */
  readonly #seconds = new Map<number, Map<string, Seen>>();
  #count = 0;
  #sweptAtS = -Infinity;
  #forgottenS = -Infinity;

  /** @throws SHARDCAST_OPTION_INVALID where a number is none to count or to wait with */
  constructor(options: ReplayGuardOptions = {}) {
    this.#toleranceS = wholeNumber("toleranceS", options.toleranceS ?? DEFAULT_TOLERANCE_S);
    this.#limit = wholeNumber("limit", options.limit ?? DEFAULT_LIMIT);
    this.#now = options.now ?? Date.now;
  }

  /** How many are remembered, claims that are not settled among them. */
  get count(): number {
    return this.#count;
  }

  /** Claims a request that {@link verifyWebhook} found valid, before any work is done on it. */
  claim({ id, timestampS }: WebhookStamp): ClaimVerdict {
    const nowMs = this.#now();
    this.#forgetOld(nowMs);
    const isOutside = timestampFault(timestampS, nowMs, this.#toleranceS) !== undefined;
    if (isOutside || timestampS <= this.#forgottenS) return { type: "outside" };
    const digest = digestOf(id);
    const second = this.#seconds.get(timestampS) ?? new Map<string, Seen>();
    const known = second.get(digest);
    if (known !== undefined) return { type: known.isAccepted ? "replay" : "busy" };
    if (this.#count >= this.#limit) return { type: "full", code: "SHARDCAST_NODE_FULL" };
    const seen = { isAccepted: false };
    this.#seconds.set(timestampS, second.set(digest, seen));
    this.#count += 1;
    return { type: "claimed", claim: this.#claimOf(timestampS, digest, seen) };
  }

  #claimOf(timestampS: number, digest: string, seen: Seen): ReplayClaim {
    return {
      accept: () => {
        seen.isAccepted = true;
      },
      release: () => {
        const second = this.#seconds.get(timestampS);
        // Forgotten meanwhile, or claimed by another since it was released.
        if (seen.isAccepted || second?.get(digest) !== seen) return;
        second.delete(digest);
        if (second.size === 0) this.#seconds.delete(timestampS);
        this.#count -= 1;
      },
    };
  }

  /** Once a second at most: there are twice the tolerance of seconds to look at. */
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
  const detail = `${name} is a whole number over 0, not ${value}`;
  throw new ShardcastError("SHARDCAST_OPTION_INVALID", detail);
}
