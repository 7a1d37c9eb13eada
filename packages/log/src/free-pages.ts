// Whether the list of a store's free pages is one: lmdb gives these pages to what is written next, and a page that is
// listed and in use as well is overwritten. An entry has what one transaction freed, by its number:
//
//   +-------+----------------------------------------------  8 bytes each, as the machine has numbers
//   | count | a page, or minus how many and the first of them, or zero for nothing
//   +-------+----------------------------------------------
//
// Source: mdb_freelist_save in lmdb's mdb.c, and midl.c.

const NUMBER_BYTES = 8;

/** @param meet false where pages are not there, or belong elsewhere */
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

/** Beyond what a number can have exactly, no page is. */
function numberAt(value: Buffer, index: number): number {
  return Number(value.readBigInt64LE(index * NUMBER_BYTES));
}
