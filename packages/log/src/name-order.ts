// The order in which names are listed: by their UTF-8, as lmdb and Redis sort them. JavaScript
// compares UTF-16, which differs for characters of two code units.

/** Longer than any key in a store that names are looked up in. */
const MAX_SEEK_BYTES = 1500;
/** Sorts after all UTF-8. */
const LAST = Buffer.of(0xff);

/** Negative if the first name sorts before the second, 0 if they are equal. */
export function compareNames(one: string, other: string): number {
  const count = Math.min(one.length, other.length);
  for (let index = 0; index < count; index += 1) {
    const [first, second] = [one.charCodeAt(index), other.charCodeAt(index)];
    if (first !== second) return rankOf(first) - rankOf(second);
  }
  return one.length - other.length;
}

/**
 * The first `limit` names after a name, in order. Holds only a few more than `limit` names at a
 * time.
 */
export function firstNames(names: Iterable<string>, after: string, limit: number): string[] {
  let found: string[] = [];
  for (const name of names) {
    if (compareNames(name, after) > 0) found.push(name);
    if (found.length > 2 * limit) found = found.sort(compareNames).slice(0, limit);
  }
  return found.sort(compareNames).slice(0, limit);
}

/**
 * The range of keys that begin with a prefix and sort after a key: from `start` up to, not
 * including, `end`.
 */
export function rangeAfter(
  prefix: string,
  after: string,
): { readonly start: Buffer; readonly end: Buffer } {
  const first = seekBytes(prefix);
  // The last key with a zero byte appended is the next possible key.
  const next = seekBytes(`${after}\0`);
  const start = Buffer.compare(next, first) > 0 ? next : first;
  return { start, end: Buffer.concat([first, LAST]) };
}

function seekBytes(text: string): Buffer {
  return Buffer.from(text).subarray(0, MAX_SEEK_BYTES);
}

/**
 * Surrogates sort after all other code units, since their characters follow all others in UTF-8.
 */
function rankOf(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}
