// The answer to a question as a table, for the terminal and for files.

export type Row = Readonly<Record<string, string | number>>;

export interface Table {
  /** The question's name on the command line. */
  readonly question: string;
  readonly title: string;
  readonly rows: readonly Row[];
}

/** Renders a Markdown table with aligned columns; numbers are right-aligned. */
export function renderTable({ rows }: Table): string {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const cells = rows.map((row) => names.map((name) => textOf(row[name])));
  const widths = names.map((name, column) =>
    Math.max(3, name.length, ...cells.map((row) => row[column]?.length ?? 0)),
  );
  const isNumber = names.map((name) => rows.every((row) => typeof row[name] !== "string"));
  const line = (texts: readonly string[]): string =>
    `| ${texts.map((text, column) => pad(text, widths[column] ?? 0, isNumber[column] === true)).join(" | ")} |`;
  const rule = names.map((_, column) => {
    const dashes = "-".repeat((widths[column] ?? 0) - 1);
    return isNumber[column] === true ? `${dashes}:` : `${dashes}-`;
  });
  return [line(names), line(rule), ...cells.map(line)].join("\n");
}

function pad(text: string, width: number, isRight: boolean): string {
  return isRight ? text.padStart(width) : text.padEnd(width);
}

/** Rounds numbers to three significant digits. */
function textOf(value: string | number | undefined): string {
  if (value === undefined) return "–";
  if (typeof value === "string") return value;
  if (Number.isInteger(value) || Math.abs(value) >= 100)
    return Math.round(value).toLocaleString("en");
  return value.toPrecision(3);
}
