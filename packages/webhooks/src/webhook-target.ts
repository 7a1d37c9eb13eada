// Parses and checks a webhook's URL, including every check that needs no lookup.
import { isIP } from "node:net";
import type { AddressGuard } from "./address-guard.ts";

export interface WebhookTarget {
  readonly isTls: boolean;
  /** A name or an address; an IPv6 address without its brackets. */
  readonly hostname: string;
  readonly port: number;
  /** Includes the query. */
  readonly path: string;
}

export interface TargetRules {
  readonly guard: AddressGuard;
  /** Whether `http:` URLs are allowed. */
  readonly isHttpAllowed: boolean;
}

/**
 * Parses an `https:` URL, or an `http:` one if the rules allow it. Otherwise returns a description of the fault, which
 * does not contain the URL. `URL` has already converted 2130706433, 0x7f.1 and 0177.0.0.1 to 127.0.0.1.
 */
export function parseWebhookTarget(text: string, rules: TargetRules): WebhookTarget | string {
  if (!URL.canParse(text)) return "the URL is malformed";
  const url = new URL(text);
  const isTls = url.protocol === "https:";
  if (!isTls && url.protocol !== "http:") return "the URL is neither https: nor http:";
  if (!isTls && !rules.isHttpAllowed) return "the URL is http:, which is not allowed";
  if (url.username !== "" || url.password !== "") return "the URL contains credentials";
  if (url.port === "0") return "the URL has the port 0";
  const hostname = url.hostname.replace(/^\[|\]$/g, "");
  if (isIP(hostname) !== 0 && !rules.guard.isAllowedAddress(hostname)) {
    return "the URL's address is not public";
  }
  const port = url.port === "" ? (isTls ? 443 : 80) : Number(url.port);
  return { isTls, hostname, port, path: url.pathname + url.search };
}
