// One list of what lies in many places, each in order: as one place would give it, at the cost of one question
// to each, and of a few more where chance has put many names into one.
import { compareNames } from "@shardcast/log";

/** What one place has after a name, in order: as many as asked for, and fewer only where no more follow. */
export type PageAfter<Item> = (after: string, limit: number) => Promise<readonly Item[]>;

/** Each place is asked for its share of the limit and so many more. */
const SPARE = 2;

/** The first items of all places after a name, `limit` at the most. */
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
    // Whoever has given all that was asked for, and nothing beyond the page's end, may have more of the page.
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
