// The signature of the original back end (the Ruby gem api_auth), verified completely:
//
//   Authorization: APIAuth <access id>:<base64 HMAC-SHA1>
//   Authorization: APIAuth-HMAC-SHA256 <access id>:<base64 HMAC-SHA256>
//
// over METHOD,content-type,hash of the content,path and query,date. The hash is X-Authorization-Content-SHA256 or, in
// older versions, Content-MD5.
import { createHash, createHmac, timingSafeEqual } from "node:crypto";

/** How far Date may be from now, in either direction. */
export const DATE_TOLERANCE_MS = 900_000;

const AUTHORIZATION = /^APIAuth(-HMAC-SHA256)? ([^:]+):(.+)$/;
const SHA256_HEADER = "x-authorization-content-sha256";
const MD5_HEADER = "content-md5";

/** The signed parts of an HTTP request. */
export interface BackEndRequest {
  readonly method: string;
  /** Path and query, exactly as received. */
  readonly url: string;
  /** Names are in lower case. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: Uint8Array;
}

export type SignatureCode =
  | "SWITCHBOARD_SIGNATURE_MISSING"
  | "SWITCHBOARD_SIGNATURE_MALFORMED"
  | "SWITCHBOARD_SIGNATURE_WRONG"
  | "SWITCHBOARD_SIGNATURE_STALE"
  | "SWITCHBOARD_BODY_CHANGED";

export interface SignatureFault {
  readonly code: SignatureCode;
  readonly detail: string;
}

/** A request that the back end signed. */
export interface VerifiedRequest {
  /** Equal only for repeats of exactly this request. */
  readonly requestId: string;
  /** When the sender sent it, by its own clock, in ms since 1970. */
  readonly time: number;
}

export interface ApiAuthOptions {
  readonly secret: string;
  /** The only accepted access id. @default any */
  readonly accessId?: string | undefined;
}

/** @param now ms since 1970 */
export function verifyApiAuth(
  request: BackEndRequest,
  { secret, accessId }: ApiAuthOptions,
  now: number,
): VerifiedRequest | SignatureFault {
  const match = AUTHORIZATION.exec(headerOf(request, "authorization"));
  if (match === null) {
    return fault(
      "SWITCHBOARD_SIGNATURE_MALFORMED",
      "Authorization must be APIAuth <id>:<signature>",
    );
  }
  const [, sha256 = "", id = "", signature = ""] = match;
  const algorithm = sha256 === "" ? "sha1" : "sha256";
  const expected = createHmac(algorithm, secret).update(canonicalString(request)).digest();
  const isExpected = isSame(expected.toString("base64"), signature);
  const isKnown = accessId === undefined || isSame(accessId, id);
  if (!isExpected || !isKnown) {
    return fault("SWITCHBOARD_SIGNATURE_WRONG", "the signature does not match the request");
  }
  const time = Date.parse(headerOf(request, "date"));
  if (!(Math.abs(now - time) <= DATE_TOLERANCE_MS)) {
    const detail = `Date is not within ${DATE_TOLERANCE_MS / 1000} s of now`;
    return fault("SWITCHBOARD_SIGNATURE_STALE", detail);
  }
  if (!isBodyTheSigned(request)) {
    return fault("SWITCHBOARD_BODY_CHANGED", "the body does not match the signed hash");
  }
  return { requestId: createHash("sha256").update(expected).digest("base64url"), time };
}

/** The headers that sign a body. */
export interface ApiAuthHeaders {
  readonly authorization: string;
  readonly "content-type": string;
  readonly "x-authorization-content-sha256": string;
  readonly date: string;
}

/** Signs a request like the original back end, with the stronger of its two algorithms. */
export function signApiAuth(
  { method, url, body }: Omit<BackEndRequest, "headers">,
  { secret, accessId = "concierge" }: ApiAuthOptions,
  now: number,
): ApiAuthHeaders {
  const headers = {
    "content-type": "application/json",
    [SHA256_HEADER]: hashOf("sha256", body),
    date: new Date(now).toUTCString(),
  } as const;
  const canonical = canonicalString({ method, url, headers, body });
  const signature = createHmac("sha256", secret).update(canonical).digest("base64");
  return { ...headers, authorization: `APIAuth-HMAC-SHA256 ${accessId}:${signature}` };
}

/** Returns the signed text. A missing header counts as empty. */
export function canonicalString(request: BackEndRequest): string {
  const hash = headerOf(request, SHA256_HEADER) || headerOf(request, MD5_HEADER);
  return [
    request.method,
    headerOf(request, "content-type"),
    hash,
    request.url,
    headerOf(request, "date"),
  ].join(",");
}

/** Whether the body has the signed hash. Without a hash, the signature does not cover the body, so it is refused. */
function isBodyTheSigned(request: BackEndRequest): boolean {
  const sha256 = headerOf(request, SHA256_HEADER);
  if (sha256 !== "") return isSame(hashOf("sha256", request.body), sha256);
  return isSame(hashOf("md5", request.body), headerOf(request, MD5_HEADER));
}

function hashOf(algorithm: "sha256" | "md5", body: Uint8Array): string {
  return createHash(algorithm).update(body).digest("base64");
}

function headerOf({ headers }: BackEndRequest, name: string): string {
  const value = headers[name];
  return typeof value === "string" ? value : "";
}

/** Compares in constant time, whatever the difference or the lengths. */
function isSame(a: string, b: string): boolean {
  const [hashA, hashB] = [a, b].map((text) => createHash("sha256").update(text).digest());
  return hashA !== undefined && hashB !== undefined && timingSafeEqual(hashA, hashB);
}

function fault(code: SignatureCode, detail: string): SignatureFault {
  return { code, detail };
}
