import { compareNames } from "@shardcast/log";
import { expect } from "chai";
import { mergedPage, type PageAfter } from "../src/merged-pages.ts";

describe("a page of many places", () => {
  /** A list of names that records each query. */
  function placeOf(names: readonly string[], asked: string[]): PageAfter<string> {
    return (after, limit) => {
      asked.push(after);
      const rest = names.filter((name) => compareNames(name, after) > 0);
      return Promise.resolve(rest.slice(0, limit));
    };
  }

  const names = Array.from({ length: 90 }, (_, number) => `n${100 + number}`);
  const layouts = {
    evenly: [0, 1, 2].map((part) => names.filter((_, index) => index % 3 === part)),
    "in a row": [names.slice(60), names.slice(0, 30), names.slice(30, 60)],
    "in one": [[], names, []],
    nowhere: [[], [], []],
  };

  for (const [how, parts] of Object.entries(layouts)) {
    it(`is what one place would give where names lie ${how}`, async () => {
      const all = parts.flat().sort(compareNames);
      for (const limit of [0, 1, 10, 89, 90, 91]) {
        for (const after of ["", "n105", "n1500", "n189", "z"]) {
          const places = parts.map((part) => placeOf(part, []));
          const rest = all.filter((name) => name > after);
          const page = await mergedPage(places, (name) => name, { after, limit });
          expect(page, `${limit} after ${after}`).to.deep.equal(rest.slice(0, limit));
        }
      }
    });
  }

  it("asks once where the names lie evenly", async () => {
    const asked: string[] = [];
    const places = layouts.evenly.map((part) => placeOf(part, asked));
    await mergedPage(places, (name) => name, { after: "", limit: 30 });
    expect(asked).to.deep.equal(["", "", ""]);
  });
});
