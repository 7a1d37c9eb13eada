// Why something failed, for those who are not to know where the cluster's parts are: clients, and whoever reads
// /readyz. The node's log has all of it.

/** IPv4, IPv6 in brackets, or a host's name; each with its port, which the first two may lack. */
const ADDRESS = /\[[\da-f:.]+\](:\d+)?|\b\d{1,3}(\.\d{1,3}){3}(:\d+)?|\b[\w.-]+:\d{2,5}\b/gi;

/** Such as ECONNREFUSED. */
const SYSTEM_CODE = /^E[A-Z0-9_]+$/;

/** The operating system's code, where it has one; else its message without addresses. */
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
