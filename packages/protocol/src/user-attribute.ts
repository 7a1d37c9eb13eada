// The attributes that nodes set. Their names begin with `$`, and a client cannot set them. `$user` is the user
// whose token published the message. docs/protocol.md#content
import type { Attributes } from "./frame.ts";

export const USER_ATTRIBUTE = "$user";

const RESERVED_PREFIX = "$";

/** Whether only a node may set an attribute of this name. */
export function isReservedAttribute(name: string): boolean {
  return name.startsWith(RESERVED_PREFIX);
}

/** The attributes of a message, apart from those that nodes set. */
export interface SplitAttributes {
  /** The user whose token published the message; undefined if it was published without a token. */
  readonly user: string | undefined;
  /** The publisher's own attributes; undefined if there are none. */
  readonly attributes: Attributes | undefined;
}

const NOTHING: SplitAttributes = Object.freeze({ user: undefined, attributes: undefined });

export function splitAttributes(attributes: Attributes | undefined): SplitAttributes {
  if (attributes === undefined) return NOTHING;
  const names = Object.keys(attributes);
  if (!names.some(isReservedAttribute)) return { user: undefined, attributes };
  const own = names.filter((name) => !isReservedAttribute(name));
  // No prototype, because an attribute may be named __proto__.
  const rest = Object.create(null) as Record<string, string>;
  for (const name of own) rest[name] = attributes[name] ?? "";
  return { user: attributes[USER_ATTRIBUTE], attributes: own.length === 0 ? undefined : rest };
}
