// The keys that tokens are signed with: secrets, public keys from a file, or a set of them at a URL. Each kind
// takes the algorithms of its own keys only, whatever the token's head says.
import { createPublicKey, type KeyObject } from "node:crypto";
import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTHeaderParameters } from "jose";
import { ShardcastError } from "@shardcast/protocol";
import type { Logger } from "pino";
import { Outage } from "@shardcast/process";

const SECRET_ALGORITHMS: readonly string[] = ["HS256"];
const KEY_ALGORITHMS: readonly string[] = [
  ...["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
  ...["ES256", "ES384", "ES512", "EdDSA", "Ed25519"],
];

/** Keys that `jose` can check a signature with. */
export type SigningKey = Uint8Array | KeyObject | CryptoKey;

/** Finds the keys that may have signed a token. */
export interface TokenKeys {
  readonly algorithms: readonly string[];
  /** @throws SHARDCAST_TOKEN_KEYS_UNAVAILABLE */
  candidates(header: JWTHeaderParameters): Promise<readonly SigningKey[]>;
  /**
   * Those of newer keys, for a token that no candidate has signed; left out where keys stay as they are.
   * @throws SHARDCAST_TOKEN_KEYS_UNAVAILABLE where they cannot be had at the moment
   */
  renewed?(header: JWTHeaderParameters): Promise<readonly SigningKey[]>;
}

/** Secrets that both ends know: the newest first. */
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

/** One public key, in PEM. */
export class PemKey implements TokenKeys {
  readonly algorithms = KEY_ALGORITHMS;
  readonly #key: KeyObject;

  /** @throws whatever node:crypto throws where it is none */
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

/** So long is a set good without asking for a newer one. */
const FRESH_MS = 5 * 60_000;
/** From then on it serves only while a newer one cannot be had: keys may have been taken out of it. */
const STALE_MS = 2 * FRESH_MS;
/** So long the set is not asked for again, whatever comes: clients with a new key try again meanwhile. */
const COOLDOWN_MS = 1000;
/** Less than a handshake's time, so that who has waited for it is let in by the last set. */
const FETCH_TIMEOUT_MS = 2500;
const SET_MAX_BYTES = 1024 * 1024;

export interface RemoteKeysOptions {
  readonly url: URL;
  readonly logger: Logger;
  /** A clock that nobody sets. @default performance.now */
  readonly now?: () => number;
}

/**
 * A set of public keys at a URL. It is fetched again where a token comes after five minutes, names a key that is
 * not in it, or names none and is signed by none of it; while that fails, the last one serves.
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

  /** Who signs may have a key that is not known yet, as long as nobody was asked: that may be tried again. */
  async renewed(header: JWTHeaderParameters): Promise<readonly SigningKey[]> {
    const fetchCount = this.#fetchCount;
    if (this.#isDue || this.#fetching !== undefined) await this.refresh();
    if (this.#keys === undefined || fetchCount === this.#fetchCount) {
      throw new ShardcastError("SHARDCAST_TOKEN_KEYS_UNAVAILABLE");
    }
    return this.#keys.candidates(header);
  }

  /** Fetches the set, once at a time. Never rejects: where it fails, what was there stays. */
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

/** What `fetch` says is that it failed; why, is its cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message || error.message : error.message;
}
