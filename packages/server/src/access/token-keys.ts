// The keys that tokens are signed with: secrets, public keys from a file, or a key set at a URL.
// Each kind accepts only the algorithms of its own keys, whatever the token's header says.
import { createPublicKey, type KeyObject } from "node:crypto";
import {
  createLocalJWKSet,
  errors,
  type CryptoKey,
  type JSONWebKeySet,
  type JWTHeaderParameters,
} from "jose";
import { ShardcastError } from "@shardcast/protocol";
import type { Logger } from "pino";
import { Outage } from "@shardcast/process";

const SECRET_ALGORITHMS: readonly string[] = ["HS256"];
const KEY_ALGORITHMS: readonly string[] = [
  ...["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
  ...["ES256", "ES384", "ES512", "EdDSA", "Ed25519"],
];

/** Keys with which `jose` can verify a signature. */
export type SigningKey = Uint8Array | KeyObject | CryptoKey;

/** Finds the keys that may have signed a token. */
export interface TokenKeys {
  readonly algorithms: readonly string[];
  /** Returns the keys that may have signed the token. @throws SHARDCAST_TOKEN_KEYS_UNAVAILABLE */
  candidates(header: JWTHeaderParameters): Promise<readonly SigningKey[]>;
  /**
   * Fetches the keys again and returns the candidates among them, for a token that no candidate has
   * signed. Undefined if the keys never change.
   * @throws SHARDCAST_TOKEN_KEYS_UNAVAILABLE if the keys cannot be fetched at the moment
   */
  renewed?(header: JWTHeaderParameters): Promise<readonly SigningKey[]>;
}

/** Shared secrets, the newest first. */
export class SecretKeys implements TokenKeys {
  readonly algorithms = SECRET_ALGORITHMS;
  readonly #secrets: readonly Uint8Array[];

  constructor(secrets: readonly string[]) {
    this.#secrets = secrets.map((secret) => new TextEncoder().encode(secret));
  }

  candidates(): Promise<readonly SigningKey[]> {
    return Promise.resolve(this.#secrets);
  }
}

/** One public key, as PEM. */
export class PemKey implements TokenKeys {
  readonly algorithms = KEY_ALGORITHMS;
  readonly #key: KeyObject;

  /** @throws the error of node:crypto if `pem` is not a public key */
  constructor(pem: string) {
    this.#key = createPublicKey(pem);
  }

  candidates(): Promise<readonly SigningKey[]> {
    return Promise.resolve([this.#key]);
  }
}

/** A set of public keys, as JSON (RFC 7517). */
export class JwksKeys implements TokenKeys {
  readonly algorithms = KEY_ALGORITHMS;
  readonly #set: ReturnType<typeof createLocalJWKSet>;

  constructor(set: JSONWebKeySet) {
    this.#set = createLocalJWKSet(set);
  }

  async candidates(header: JWTHeaderParameters): Promise<readonly SigningKey[]> {
    try {
      return [await this.#set(header)];
    } catch (error) {
      if (error instanceof errors.JWKSMultipleMatchingKeys) {
        const keys: SigningKey[] = [];
        for await (const key of error) keys.push(key);
        return keys;
      }
      return [];
    }
  }
}

/** How long a set is used before it is fetched again. */
const FRESH_MS = 5 * 60_000;
/**
 * A set older than this is used only while a newer one cannot be fetched, because keys may have
 * been removed from it.
 */
const STALE_MS = 2 * FRESH_MS;
/**
 * The least time between two fetches, whatever tokens arrive. Clients with a new key retry
 * meanwhile.
 */
const COOLDOWN_MS = 1000;
/**
 * Less than the time of a handshake, so that a client that waited for a failed fetch is still
 * admitted by the last set.
 */
const FETCH_TIMEOUT_MS = 2500;
const SET_MAX_BYTES = 1024 * 1024;

export interface RemoteKeysOptions {
  readonly url: URL;
  readonly logger: Logger;
  /** A monotonic clock, in ms. @default performance.now */
  readonly now?: () => number;
}

/**
 * A set of public keys at a URL. It is fetched again when a token arrives after more than five
 * minutes, when a token names a key that is not in the set, or when a token names no key and no key
 * of the set has signed it. If that fails, the last set stays in use.
 */
export class RemoteKeys implements TokenKeys {
  readonly algorithms = KEY_ALGORITHMS;
  readonly #options: RemoteKeysOptions;
  readonly #now: () => number;
  #keys: JwksKeys | undefined;
  #triedAt = -Infinity;
  #fetchedAt = -Infinity;
  #fetchCount = 0;
  #fetching: Promise<void> | undefined;
  readonly #outage: Outage;

  constructor(options: RemoteKeysOptions) {
    this.#options = options;
    const { logger } = options;
    const [begins, ends] = ["the keys of tokens cannot be fetched", "the keys of tokens are there"];
    this.#outage = new Outage({ logger, begins, ends, wasThere: true });
    this.#now = options.now ?? (() => performance.now());
  }

  async candidates(header: JWTHeaderParameters): Promise<readonly SigningKey[]> {
    const fetchCount = this.#fetchCount;
    const age = this.#since(this.#fetchedAt);
    if (age > FRESH_MS && this.#isDue) void this.refresh();
    const hasWaited = age > STALE_MS && this.#fetching !== undefined;
    if (hasWaited) await this.#fetching;
    const found = (await this.#keys?.candidates(header)) ?? [];
    if (found.length > 0) return found;
    const isNewest = hasWaited && fetchCount !== this.#fetchCount;
    return isNewest ? [] : this.renewed(header);
  }

  /**
   * If no fetch was made, the token's key may be a new one: the error is one that the client may
   * retry.
   */
  async renewed(header: JWTHeaderParameters): Promise<readonly SigningKey[]> {
    const fetchCount = this.#fetchCount;
    if (this.#isDue || this.#fetching !== undefined) await this.refresh();
    if (this.#keys === undefined || fetchCount === this.#fetchCount) {
      throw new ShardcastError("SHARDCAST_TOKEN_KEYS_UNAVAILABLE");
    }
    return this.#keys.candidates(header);
  }

  /**
   * Fetches the set; concurrent calls share one fetch. Never rejects: if the fetch fails, the last
   * set stays.
   */
  refresh(): Promise<void> {
    if (this.#fetching !== undefined) return this.#fetching;
    this.#triedAt = this.#now();
    this.#fetching = this.#fetch()
      .catch((error: unknown) => {
        this.#outage.failed(`${this.#options.url.href}: ${reasonOf(error)}`);
      })
      .finally(() => {
        this.#fetching = undefined;
      });
    return this.#fetching;
  }

  async #fetch(): Promise<void> {
    const response = await fetch(this.#options.url, {
      headers: { accept: "application/jwk-set+json, application/json" },
      redirect: "error",
      signal: AbortSignal.timeout(FETCH_TIMEOUT_MS),
    });
    if (!response.ok) {
      await response.body?.cancel();
      throw new Error(`answered with status ${response.status}`);
    }
    this.#keys = new JwksKeys(JSON.parse(await textOf(response)) as JSONWebKeySet);
    this.#fetchedAt = this.#now();
    this.#fetchCount += 1;
    this.#outage.ended();
  }

  get #isDue(): boolean {
    return this.#since(this.#triedAt) > COOLDOWN_MS;
  }

  #since(time: number): number {
    return this.#now() - time;
  }
}

async function textOf(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += (chunk as Uint8Array).length;
    if (bytes > SET_MAX_BYTES) throw new Error(`has over ${SET_MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** An error of `fetch` says only that it failed; its cause says why. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message || error.message : error.message;
}
