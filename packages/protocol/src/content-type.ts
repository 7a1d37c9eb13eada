// How a message's content type says what its payload is. Publishers, subscribers and nodes that check schemas must
// agree on it.

export const CONTENT_TYPE = "content-type";
export const JSON_TYPE = "application/json";

/**
 * Text without a content type, or with any text/…; JSON with application/json or any …+json; bytes with any other
 * type. Text without a content type that is not UTF-8 is bytes.
 */
export type PayloadKind = "text" | "json" | "bytes";

export function payloadKind(contentType: string | undefined): PayloadKind {
  if (contentType === undefined) return "text";
  const type = mediaTypeOf(contentType);
  if (type.startsWith("text/")) return "text";
  return type === JSON_TYPE || type.endsWith("+json") ? "json" : "bytes";
}

/** Returns a content type without its parameters, in lower case. */
export function mediaTypeOf(contentType: string): string {
  return contentType.split(";", 1)[0]?.trim().toLowerCase() ?? "";
}
