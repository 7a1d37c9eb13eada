import type { IncomingMessage } from "node:http";

/** Why an upgrade cannot become a WebSocket. */
export interface UpgradeFault {
  readonly status: 400 | 405 | 426;
  /** For people. */
  readonly detail: string;
  readonly headers: Readonly<Record<string, string>>;
}

const KEY = /^[+/0-9A-Za-z]{22}==$/;

/** What RFC 6455 §4.2.1 and RFC 9112 §3.2 ask of a handshake's request; undefined where it has all of it. */
export function upgradeFault(request: IncomingMessage): UpgradeFault | undefined {
  const { method, headers, httpVersionMajor, httpVersionMinor } = request;
  if (httpVersionMajor === 1 && httpVersionMinor === 0)
    return malformed("an upgrade needs HTTP/1.1");
  if (hostCount(request) !== 1) return malformed("one header Host is needed");
  if (method !== "GET") {
    return { status: 405, detail: "an upgrade is a GET", headers: { Allow: "GET" } };
  }
  if (headers.upgrade?.toLowerCase() !== "websocket") {
    return { status: 426, detail: "Upgrade is websocket", headers: { Upgrade: "websocket" } };
  }
  if (headers["sec-websocket-version"] !== "13") {
    const detail = "Sec-WebSocket-Version is 13";
    return { status: 426, detail, headers: { "Sec-WebSocket-Version": "13" } };
  }
  if (!KEY.test(headers["sec-websocket-key"] ?? "")) {
    return malformed("Sec-WebSocket-Key is base64 of 16 bytes");
  }
  return undefined;
}

/** How many headers `Host` a request has. Node's own object of headers shows the first one alone. */
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
