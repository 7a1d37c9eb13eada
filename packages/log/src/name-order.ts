// The order in which names are listed: that of their UTF-8, which is lmdb's and Redis' own. JavaScript's differs,
// where a character takes two units.

/** No key of a store that names are looked up in is as long. */
const MAX_SEEK_BYTES = 1500;
/** Follows everything in UTF-8. */
const LAST = Buffer.of(0xff);

/** Below 0 where the first comes before the second, 0 where they are the same. */
export function compareNames(one: string, other: string): number {
  const count = Math.min(one.length, other.length);
  for (let index = 0; index < count; index += 1) {
    const [first, second] = [one.charCodeAt(index), other.charCodeAt(index)];
    if (first !== second) return rankOf(first) - rankOf(second);
  }
  return one.length - other.length;
}

/** The first names after one, in order. Whatever their number, few more than `limit` are held at a time. */
export function firstNames(names: Iterable<string>, after: string, limit: number): string[] {
  let found: string[] = [];
  for (const name of names) {
    if (compareNames(name, after) > 0) found.push(name);
    if (found.length > 2 * limit) found = found.sort(compareNames).slice(0, limit);
  }
  return found.sort(compareNames).slice(0, limit);
}

/** Where the keys lie that begin with a prefix and follow a key: from `start` to before `end`. */
export function rangeAfter(
  prefix: string,
  after: string,
): { readonly start: Buffer; readonly end: Buffer } {
  const first = seekBytes(prefix);
  // The key that follows is the same with a zero byte.
  const next = seekBytes(`${after}\0`);
  const start = Buffer.compare(next, first) > 0 ? next : first;
  return { start, end: Buffer.concat([first, LAST]) };
}

function seekBytes(text: string): Buffer {
  return Buffer.from(text).subarray(0, MAX_SEEK_BYTES);
}

/** The halves of pairs come behind all other units, since the characters that they stand for do. */
function rankOf(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}
