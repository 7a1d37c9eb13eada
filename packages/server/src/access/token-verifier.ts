// Verifies a signed token (JWT, RFC 7519) and returns its identity. docs/protocol.md#tokens
import {
  MEMBER_USER_MAX_BYTES,
  Permissions,
  UINT48_MAX,
  ShardcastError,
  TOKEN_MAX_BYTES,
  parseGrants,
  textBytes,
  isPlainText,
} from "@shardcast/protocol";
import {
  decodeProtectedHeader,
  errors,
  jwtVerify,
  type JWTHeaderParameters,
  type JWTPayload,
} from "jose";
import type { Identity } from "./identity.ts";
import type { SigningKey, TokenKeys } from "./token-keys.ts";

/** The signature of a token, after its header and its claims. */
const SIGNATURE = /^[^.]+\.[^.]*\.([\w-]+)$/;

export interface TokenVerifierOptions {
  /**
   * The key sources. A token is verified with every source that accepts its algorithm, in order.
   */
  readonly keys: readonly TokenKeys[];
  /** The audience that tokens must name. If undefined, tokens with an audience are refused. */
  readonly audience: string | undefined;
  readonly issuer: string | undefined;
  /** The clock difference to allow for, in ms. */
  readonly leewayMs: number;
  /** The permissions of a token without the claim `caps`. */
  readonly defaultPermissions: Permissions;
  /** @default Date.now */
  readonly now?: () => number;
}

export class TokenVerifier {
  readonly #options: TokenVerifierOptions;
  readonly #now: () => number;

  constructor(options: TokenVerifierOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  /** @throws SHARDCAST_TOKEN_INVALID, SHARDCAST_TOKEN_EXPIRED, SHARDCAST_TOKEN_KEYS_UNAVAILABLE */
  async verify(token: string): Promise<Identity> {
    if (textBytes(token) > TOKEN_MAX_BYTES) {
      throw invalid(`it has over ${TOKEN_MAX_BYTES} bytes`);
    }
    const header = headerOf(token);
    if (!isCanonical(token)) throw invalid("it is no JWT");
    const keys = this.#options.keys.filter(({ algorithms }) => algorithms.includes(header.alg));
    if (keys.length === 0) throw invalid("no key here is for its algorithm");
    for (const source of keys) {
      const payload = await this.#signed(token, header, source);
      if (payload !== undefined) return this.#identity(payload);
    }
    throw invalid("its signature matches no key");
  }

  /** Returns undefined if none of these keys has signed the token. */
  async #signed(
    token: string,
    header: JWTHeaderParameters,
    source: TokenKeys,
  ): Promise<JWTPayload | undefined> {
    const { algorithms } = source;
    const payload = await this.#claims(token, await source.candidates(header), algorithms);
    // A token that names no key may be signed by a new one.
    if (payload !== undefined || header.kid !== undefined) return payload;
    return this.#claims(token, (await source.renewed?.(header)) ?? [], algorithms);
  }

  async #claims(
    token: string,
    keys: readonly SigningKey[],
    algorithms: readonly string[],
  ): Promise<JWTPayload | undefined> {
    for (const key of keys) {
      const payload = await this.#claimsBy(token, key, algorithms);
      if (payload !== undefined) return payload;
    }
    return undefined;
  }

  /** Returns undefined if another key has signed the token. */
  async #claimsBy(
    token: string,
    key: SigningKey,
    algorithms: readonly string[],
  ): Promise<JWTPayload | undefined> {
    const { audience, issuer, leewayMs } = this.#options;
    try {
      const { payload } = await jwtVerify(token, key, {
        algorithms: [...algorithms],
        requiredClaims: ["sub", "exp"],
        clockTolerance: leewayMs / 1000,
        currentDate: new Date(this.#now()),
        ...(audience === undefined ? {} : { audience }),
        ...(issuer === undefined ? {} : { issuer }),
      });
      return payload;
    } catch (error) {
      if (error instanceof errors.JWTExpired) throw new ShardcastError("SHARDCAST_TOKEN_EXPIRED");
      if (error instanceof errors.JWTClaimValidationFailed) {
        throw invalid(
          `its claim ${error.claim} is ${error.reason === "missing" ? "missing" : "refused"}`,
        );
      }
      // The signature does not match, or the key is of another kind than the algorithm needs.
      if (error instanceof errors.JWSSignatureVerificationFailed) return undefined;
      if (error instanceof TypeError) return undefined;
      throw invalid("it cannot be understood");
    }
  }

  #identity(payload: JWTPayload): Identity {
    // jose does not check the types of `sub` and `caps`.
    const { exp = 0, aud } = payload;
    const { sub, caps } = payload as Readonly<Record<string, unknown>>;
    if (!isUser(sub)) {
      throw invalid(
        `its claim sub is 1 to ${MEMBER_USER_MAX_BYTES} bytes without control characters`,
      );
    }
    const { leewayMs, defaultPermissions } = this.#options;
    const expiresAt = Math.floor(exp * 1000) + leewayMs;
    // An `exp` in ms instead of seconds would never expire.
    if (expiresAt > UINT48_MAX) throw invalid("its claim exp is in seconds since 1970");
    // jose compares whole seconds; the clock that ends links compares ms.
    if (expiresAt <= this.#now()) throw new ShardcastError("SHARDCAST_TOKEN_EXPIRED");
    // RFC 7519 §4.1.3: a recipient that `aud` does not name must refuse the token.
    if (aud !== undefined && this.#options.audience === undefined) {
      throw invalid("its claim aud is refused: the node has no --token-audience");
    }
    return {
      user: sub,
      permissions: caps === undefined ? defaultPermissions : new Permissions(parseGrants(caps)),
      grantedBy: caps === undefined ? "--token-allow" : "caps",
      expiresAt,
    };
  }
}

function headerOf(token: string): JWTHeaderParameters {
  try {
    const header = decodeProtectedHeader(token);
    return { ...header, alg: String(header.alg) };
  } catch {
    throw invalid("it is no JWT");
  }
}

/**
 * Whether the signature has its only canonical spelling: base64url leaves bits of the last
 * character unused. RFC 4648 §3.5
 */
function isCanonical(token: string): boolean {
  const signature = SIGNATURE.exec(token)?.[1];
  return signature === Buffer.from(signature ?? "", "base64url").toString("base64url");
}

function isUser(sub: unknown): sub is string {
  if (typeof sub !== "string" || sub === "") return false;
  return textBytes(sub) <= MEMBER_USER_MAX_BYTES && isPlainText(sub);
}

function invalid(detail: string): ShardcastError {
  return new ShardcastError("SHARDCAST_TOKEN_INVALID", detail);
}
