// Reasons of failures for readers who must not learn the addresses of the cluster's nodes: clients, and readers of
// /readyz. The node's log contains the full reason.

/** IPv4 or IPv6 in brackets, with or without a port, or a host name with a port. */
const ADDRESS = /\[[\da-f:.]+\](:\d+)?|\b\d{1,3}(\.\d{1,3}){3}(:\d+)?|\b[\w.-]+:\d{2,5}\b/gi;

/** For example ECONNREFUSED. */
const SYSTEM_CODE = /^E[A-Z0-9_]+$/;

/** Returns the operating system's code of an error, if it has one; otherwise its message without addresses. */
export function publicReason(error: unknown): string {
  if (!(error instanceof Error)) return withoutAddresses(String(error));
  const { code } = error as { readonly code?: unknown };
  return typeof code === "string" && SYSTEM_CODE.test(code)
    ? code
    : withoutAddresses(error.message);
}

function withoutAddresses(text: string): string {
  return text.replace(ADDRESS, "…");
}
