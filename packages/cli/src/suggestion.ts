// Suggests the command or option that a mistyped one probably means. yargs suggests only commands.
import type { Command } from "./command.ts";

/** Maximum number of wrong characters in a word that is still recognised. */
const MAX_WRONG = 2;
const COMMON_COMMANDS = ["completion"];
const COMMON_OPTIONS = ["help", "version"];

/** The part of a command that a suggestion needs. */
export type KnownCommand = Pick<Command, "command" | "rows" | "subcommands">;

/** Returns a suggestion for the first unknown word for which there is one. */
export function suggestionFor(
  argv: readonly string[],
  commands: readonly KnownCommand[],
): string | undefined {
  const end = argv.indexOf("--");
  const words = end < 0 ? argv : argv.slice(0, end);
  const names = commands.map(nameOf);
  const index = words.findIndex((word) => names.includes(word));
  const command = commands[names.indexOf(words[index] ?? "")];
  if (command === undefined) {
    const first = words.find((word) => !word.startsWith("-"));
    return first === undefined ? undefined : closest(first, [...names, ...COMMON_COMMANDS]);
  }
  const option = optionFor(words, command);
  if (option !== undefined) return option;
  const subcommand = words[index + 1] ?? "";
  const subcommands = command.subcommands.map(nameOf);
  return subcommands.includes(subcommand) ? undefined : closest(subcommand, subcommands);
}

function optionFor(words: readonly string[], { rows }: KnownCommand): string | undefined {
  const options = [...rows.map(({ name }) => name), ...COMMON_OPTIONS];
  for (const word of words) {
    const name = /^--(?:no-)?([^=]+)/.exec(word)?.[1];
    const found = name === undefined || options.includes(name) ? undefined : closest(name, options);
    if (found !== undefined) return `--${found}`;
  }
  return undefined;
}

function nameOf({ command }: KnownCommand): string {
  return String(command).split(" ", 1)[0] ?? "";
}

function closest(word: string, candidates: readonly string[]): string | undefined {
  const limit = Math.min(MAX_WRONG, Math.floor(word.length / 2));
  const [best] = candidates
    .map((name) => ({ name, wrong: distance(word, name) }))
    .filter(({ wrong }) => wrong <= limit)
    .sort((a, b) => a.wrong - b.wrong);
  return best?.name;
}

/**
 * The number of characters to insert, delete, replace or swap with their neighbour to turn one word into the other:
 * https://en.wikipedia.org/wiki/Damerau-Levenshtein_distance (optimal string alignment).
 */
function distance(from: string, to: string): number {
  let [beforeLast, last]: [number[], number[]] = [[], Array.from({ length: to.length + 1 }, at)];
  for (let row = 1; row <= from.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= to.length; column += 1) {
      const isSame = from[row - 1] === to[column - 1];
      const isSwapped = from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      current[column] = Math.min(
        (last[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (last[column - 1] ?? 0) + (isSame ? 0 : 1),
        isSwapped && row > 1 && column > 1 ? (beforeLast[column - 2] ?? 0) + 1 : Infinity,
      );
    }
    [beforeLast, last] = [last, current];
  }
  return last[to.length] ?? 0;
}

function at(_: unknown, index: number): number {
  return index;
}
