// Rows and the tables that document them, for tests.
import type { Row } from "../src/row.ts";

/** The cells that document rows: option, default, values, what it does. */
export function cellsOf(rows: readonly Row[]): string[][] {
  return rows.map((row) => [
    `\`--${row.name}\``,
    defaultOf(row),
    row.values,
    escaped(`${row.help}${row.variable === undefined ? "" : ` (or ${row.variable})`}`),
  ]);
}

/** The cells of the tables of options between a heading and the next one of its level or above. */
export function cellsIn(markdown: string, heading: string): string[][] {
  const level = /^#+ /.exec(heading)?.[0].length ?? 0;
  const [, after = ""] = markdown.split(`\n${heading}\n`);
  const [section = ""] = after.split(new RegExp(`^#{1,${level - 1}} `, "m"));
  return [...section.matchAll(/^\| (`--.*) \|$/gm)].map(([, line = ""]) =>
    line.split(" | ").map((cell) => cell.trim()),
  );
}

/** In code, where Markdown would change the text: options, places, addresses, JSON. */
function escaped(help: string): string {
  return help
    .split(" ")
    .map((word) => {
      const [, start = "", text = "", end = ""] = /^(\(?)(.*?)([;,:.)]*)$/.exec(word) ?? [];
      return /^--|[<>*{}"…]|:\/\//.test(text) ? `${start}\`${text}\`${end}` : word;
    })
    .join(" ");
}

function defaultOf({ isRequired, shownDefault, default: value }: Row): string {
  if (isRequired === true) return "required";
  if (shownDefault !== undefined) return escaped(shownDefault);
  if (value === undefined || value === "") return "none";
  if (typeof value === "boolean") return value ? "on" : "off";
  return typeof value === "number" ? String(value) : `\`${value}\``;
}
