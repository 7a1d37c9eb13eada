// Merges sorted lists into one page. Usually queries each list once; a few more times if one list
// has an unusual share of the names.
import { compareNames } from "@shardcast/log";

/** The items of one list after a name, in order: at most `limit`, fewer only if no more follow. */
export type PageAfter<Item> = (after: string, limit: number) => Promise<readonly Item[]>;

/** Each list is queried for its share of the limit plus this many items. */
const SPARE = 2;

/** The first `limit` items of all lists after a name. */
export async function mergedPage<Item>(
  places: readonly PageAfter<Item>[],
  nameOf: (item: Item) => string,
  { after, limit }: { readonly after: string; readonly limit: number },
): Promise<Item[]> {
  if (limit < 1) return [];
  const share = Math.ceil(limit / places.length) + SPARE;
  let found: Item[] = [];
  let open = places.map((page) => ({ page, after }));
  while (open.length > 0) {
    const pages = await Promise.all(open.map((place) => place.page(place.after, share)));
    found = [...found, ...pages.flat()]
      .sort((one, other) => compareNames(nameOf(one), nameOf(other)))
      .slice(0, limit);
    const bound = found[limit - 1];
    // A list may have more items for the page if it returned as many as requested, all before the
    // page's end.
    open = open.flatMap(({ page }, index) => {
      const items = pages[index] ?? [];
      const last = items.at(-1);
      if (last === undefined || items.length < share) return [];
      const isBeyond = bound !== undefined && compareNames(nameOf(last), nameOf(bound)) >= 0;
      return isBeyond ? [] : [{ page, after: nameOf(last) }];
    });
  }
  return found;
}
