// The address of a node, as operators write it and as nodes tell it to each other.

/** `ws(s)://host:port`, without a slash at its end; undefined where the text is none. */
export function nodeUrl(text: string): string | undefined {
  if (!URL.canParse(text)) return undefined;
  const { protocol, host, pathname, search, hash } = new URL(text);
  const isBare = pathname === "/" && search === "" && hash === "";
  return /^wss?:$/.test(protocol) && isBare ? `${protocol}//${host}` : undefined;
}
