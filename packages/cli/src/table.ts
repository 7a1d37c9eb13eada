// Prints rows of text as a table whose columns are separated by spaces.
import { once } from "node:events";
import { printable } from "./printable.ts";

const SEPARATOR = "  ";

/** Prints a header and rows. On a terminal, lines are cut at its width. Without rows, prints nothing. */
export async function printTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
): Promise<void> {
  if (rows.length === 0) return;
  const lines = [header, ...rows.map((row) => row.map(printable))];
  const widths = header.map((_, column) =>
    lines.reduce((width, line) => Math.max(width, widthOf(line[column] ?? "")), 0),
  );
  for (const line of lines) await printLine(formatRow(line, widths));
}

/** Returns the cells in one line. The last column has no width. */
export function formatRow(cells: readonly string[], widths: readonly number[]): string {
  return cells
    .map((cell, column) => cell + " ".repeat(Math.max(0, (widths[column] ?? 0) - widthOf(cell))))
    .join(SEPARATOR)
    .trimEnd();
}

/** Prints a line of a table. On a terminal, it is cut at the terminal's width. */
export async function printLine(line: string): Promise<void> {
  const { isTTY, columns } = process.stdout;
  await print(
    isTTY && widthOf(line) > columns
      ? `${Array.from(line)
          .slice(0, columns - 1)
          .join("")}…`
      : line,
  );
}

/** Prints a line as fast as the output accepts it. */
export async function print(line: string): Promise<void> {
  if (!process.stdout.write(`${line}\n`)) await once(process.stdout, "drain");
}

function widthOf(text: string): number {
  return Array.from(text).length;
}
