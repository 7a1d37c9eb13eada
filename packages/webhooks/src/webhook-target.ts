// A webhook's URL, checked: what may be connected to without a lookup is decided here.
import { isIP } from "node:net";
import type { AddressGuard } from "./address-guard.ts";

export interface WebhookTarget {
  readonly isTls: boolean;
  /** A name or an address, an IPv6 one without its brackets. */
  readonly hostname: string;
  readonly port: number;
  /** With the query. */
  readonly path: string;
}

export interface TargetRules {
  readonly guard: AddressGuard;
  /** Whether `http:` will do. */
  readonly isHttpAllowed: boolean;
}

/**
 * Reads an `https:` URL, or where the rules say so an `http:` one; else says what is wrong with it, without
 * repeating it. `URL` has already turned 2130706433, 0x7f.1 and 0177.0.0.1 into 127.0.0.1.
 */
export function parseWebhookTarget(text: string, rules: TargetRules): WebhookTarget | string {
  if (!URL.canParse(text)) return "the URL is malformed";
  const url = new URL(text);
  const isTls = url.protocol === "https:";
  if (!isTls && url.protocol !== "http:") return "the URL is neither https: nor http:";
  if (!isTls && !rules.isHttpAllowed) return "the URL is http:, which is not allowed";
  if (url.username !== "" || url.password !== "") return "the URL has credentials in it";
  if (url.port === "0") return "the URL has the port 0";
  const hostname = url.hostname.replace(/^\[|\]$/g, "");
  if (isIP(hostname) !== 0 && !rules.guard.isAllowedAddress(hostname)) {
    return "the URL's address is not public";
  }
  const port = url.port === "" ? (isTls ? 443 : 80) : Number(url.port);
  return { isTls, hostname, port, path: url.pathname + url.search };
}
