import type { IncomingMessage } from "node:http";

/** Why a request cannot be upgraded to a WebSocket. */
export interface UpgradeFault {
  readonly status: 400 | 405 | 426;
  /** A sentence for people. */
  readonly detail: string;
  readonly headers: Readonly<Record<string, string>>;
}

const KEY = /^[+/0-9A-Za-z]{22}==$/;

/** Checks a request by RFC 6455 §4.2.1 and RFC 9112 §3.2. Returns undefined if it is valid. */
export function upgradeFault(request: IncomingMessage): UpgradeFault | undefined {
  const { method, headers, httpVersionMajor, httpVersionMinor } = request;
  if (httpVersionMajor === 1 && httpVersionMinor === 0)
    return malformed("an upgrade requires HTTP/1.1");
  if (hostCount(request) !== 1) return malformed("exactly one Host header is required");
  if (method !== "GET") {
    return {
      status: 405,
      detail: "the method of an upgrade must be GET",
      headers: { Allow: "GET" },
    };
  }
  if (headers.upgrade?.toLowerCase() !== "websocket") {
    return { status: 426, detail: "Upgrade must be websocket", headers: { Upgrade: "websocket" } };
  }
  if (headers["sec-websocket-version"] !== "13") {
    const detail = "Sec-WebSocket-Version must be 13";
    return { status: 426, detail, headers: { "Sec-WebSocket-Version": "13" } };
  }
  if (!KEY.test(headers["sec-websocket-key"] ?? "")) {
    return malformed("Sec-WebSocket-Key must be 16 bytes in base64");
  }
  return undefined;
}

/** Returns the number of `Host` headers of a request. Node's parsed headers contain only the first one. */
export function hostCount({ rawHeaders }: IncomingMessage): number {
  let count = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    if (rawHeaders[index]?.toLowerCase() === "host") count += 1;
  }
  return count;
}

function malformed(detail: string): UpgradeFault {
  return { status: 400, detail, headers: {} };
}
