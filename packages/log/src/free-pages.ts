// Checks a store's list of free pages. lmdb reuses these pages for later writes, so a page that is
// listed as free and also in use would be overwritten. An entry holds the pages that one
// transaction freed, as native-endian numbers:
//
//   +-------+----------------------------------------------  8 bytes each
//   | count | a page, or minus the length of a run followed by its first page, or zero for nothing
//   +-------+----------------------------------------------
//
// Source: mdb_freelist_save in lmdb's mdb.c, and midl.c.

const NUMBER_BYTES = 8;

/** @param meet marks pages as used; false if they do not exist or belong elsewhere */
export function areFreePages(
  value: Buffer,
  meet: (first: number, count: number) => boolean,
): boolean {
  const numbers = value.length / NUMBER_BYTES;
  if (!Number.isInteger(numbers) || numbers < 1) return false;
  const count = numberAt(value, 0);
  if (count < 0 || count >= numbers) return false;
  for (let index = 1; index <= count; index += 1) {
    const entry = numberAt(value, index);
    if (entry === 0) continue;
    if (entry > 0) {
      if (!meet(entry, 1)) return false;
    } else {
      index += 1;
      if (index > count || !meet(numberAt(value, index), -entry)) return false;
    }
  }
  return true;
}

/** Numbers that JavaScript cannot represent exactly are larger than any page. */
function numberAt(value: Buffer, index: number): number {
  return Number(value.readBigInt64LE(index * NUMBER_BYTES));
}
