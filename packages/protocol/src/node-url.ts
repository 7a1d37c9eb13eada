// Parses the address of a node, from options and from other nodes.

/** Returns `ws(s)://host:port` without a trailing slash; undefined if the text is not such an address. */
export function nodeUrl(text: string): string | undefined {
  if (!URL.canParse(text)) return undefined;
  const { protocol, host, pathname, search, hash } = new URL(text);
  const isBare = pathname === "/" && search === "" && hash === "";
  return /^wss?:$/.test(protocol) && isBare ? `${protocol}//${host}` : undefined;
}
