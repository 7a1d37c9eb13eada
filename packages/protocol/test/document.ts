// Parses docs/protocol.md for the specs that compare it with the code.
import { readFileSync } from "node:fs";
import { resolve } from "node:path";

/** Relative to the root of the workspace, where Mocha runs. */
const PATH = resolve("docs/protocol.md");

export interface Fence {
  readonly language: string;
  /** The heading above it. */
  readonly heading: string;
  readonly lines: readonly string[];
}

export class ProtocolDocument {
  readonly text = readFileSync(PATH, "utf8");
  readonly headings: string[] = [];
  readonly fences: Fence[] = [];
  readonly #tables = new Map<string, string[][][]>();

  constructor() {
    let heading = "";
    let fence: { language: string; heading: string; lines: string[] } | undefined;
    let isInTable = false;
    for (const line of this.text.split("\n")) {
      if (fence !== undefined) {
        if (line === "```") fence = undefined;
        else fence.lines.push(line);
        continue;
      }
      const language = /^```(\w+)$/.exec(line)?.[1];
      if (language !== undefined) {
        fence = { language, heading, lines: [] };
        this.fences.push(fence);
      }
      const title = /^#+ (.*)$/.exec(line)?.[1];
      if (title !== undefined) {
        heading = title;
        this.headings.push(title);
      }
      if (line.startsWith("|")) this.#addRow(heading, line, isInTable);
      isInTable = line.startsWith("|");
    }
  }

  /** The anchors of the headings, as GitHub generates them. */
  get anchors(): readonly string[] {
    return this.headings.map((heading) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
        .replaceAll(" ", "-"),
    );
  }

  fencesOf(language: string): readonly Fence[] {
    return this.fences.filter((fence) => fence.language === language);
  }

  /** The rows of a table without its header row; `index` counts the tables under the heading. */
  table(heading: string, index = 0): readonly (readonly string[])[] {
    const rows = this.#tables.get(heading)?.[index];
    if (rows === undefined) throw new Error(`no table ${index} under ${heading}`);
    return rows.slice(2);
  }

  #addRow(heading: string, line: string, isInTable: boolean): void {
    const tables = this.#tables.get(heading) ?? [];
    this.#tables.set(heading, tables);
    if (!isInTable) tables.push([]);
    const cells = line.split("|").slice(1, -1);
    tables.at(-1)?.push(cells.map((cell) => cell.trim()));
  }
}

/** The texts between backticks in a cell, in order. */
export function codesIn(cell: string): readonly string[] {
  return Array.from(cell.matchAll(/`([^`]+)`/g), (match) => match[1] ?? "");
}
