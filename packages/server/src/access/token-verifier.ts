// From a signed token (JWT, RFC 7519) to an identity. docs/protocol.md#tokens
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

/** A secret's or a key's mac, behind the head and the claims. */
const SIGNATURE = /^[^.]+\.[^.]*\.([\w-]+)$/;

export interface TokenVerifierOptions {
  /** At the most one of each kind takes an algorithm. */
  readonly keys: readonly TokenKeys[];
  /** Undefined where tokens that are made for somebody are for somebody else. */
  readonly audience: string | undefined;
  readonly issuer: string | undefined;
  /** How far the clocks of those who sign may be off. */
  readonly leewayMs: number;
  /** What a token allows that has no claim `caps`. */
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

  /** Undefined where none of these keys has signed it. */
  async #signed(
    token: string,
    header: JWTHeaderParameters,
    source: TokenKeys,
  ): Promise<JWTPayload | undefined> {
    const { algorithms } = source;
    const payload = await this.#claims(token, await source.candidates(header), algorithms);
    // A token that names no key may be signed by one that is new.
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

  /** Undefined where another key has signed it. */
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
      // A signature that does not match; or a key of another kind than the algorithm asks for.
      if (error instanceof errors.JWSSignatureVerificationFailed) return undefined;
      if (error instanceof TypeError) return undefined;
      throw invalid("it cannot be understood");
    }
  }

  #identity(payload: JWTPayload): Identity {
    // What jose says of the types of sub and caps nobody has checked.
    const { exp = 0, aud } = payload;
    const { sub, caps } = payload as Readonly<Record<string, unknown>>;
    if (!isUser(sub)) {
      throw invalid(
        `its claim sub is 1 to ${MEMBER_USER_MAX_BYTES} bytes without control characters`,
      );
    }
    const { leewayMs, defaultPermissions } = this.#options;
    const expiresAt = Math.floor(exp * 1000) + leewayMs;
    // One in ms instead of seconds would be good for ever.
    if (expiresAt > UINT48_MAX) throw invalid("its claim exp is in seconds since 1970");
    // jose goes by whole seconds, the clock that ends links does not.
    if (expiresAt <= this.#now()) throw new ShardcastError("SHARDCAST_TOKEN_EXPIRED");
    // RFC 7519 §4.1.3: who does not know itself in it must refuse.
    if (aud !== undefined && this.#options.audience === undefined) {
      throw invalid("its claim aud is refused: the node has no --token-audience");
    }
    return {
      user: sub,
      permissions: caps === undefined ? defaultPermissions : new Permissions(parseGrants(caps)),
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

/** One token has one spelling: base64url leaves bits of the last character open. RFC 4648 §3.5 */
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
