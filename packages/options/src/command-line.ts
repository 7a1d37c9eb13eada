// What yargs needs to know of rows and arguments. yargs splits the command line and writes the help; every value
// stays text, and the row parses it.
import { ShardcastError } from "@shardcast/protocol";
import type { Argv, Options } from "yargs";
import { optionInvalid } from "./option-invalid.ts";
import { isOn, type Row, type Rows } from "./row.ts";

const HELP_COLUMNS = 100;
/** No argument of a process can hold it. */
const MARK = "\0";

/** Rows as yargs takes them, by the names of the options. Defaults are only shown: a value that yargs returns was given. */
export function yargsOptions(rows: Rows): Record<string, Options> {
  return Object.fromEntries(Object.values(rows).map((row) => [row.name, yargsOption(row)]));
}

/** The positional arguments of a command, for yargs. */
export function addPositionals(argv: Argv, rows: Rows): Argv {
  return Object.values(rows).reduce((all, row) => {
    const { describe = "", defaultDescription = "" } = yargsOption(row);
    const isArray = row.type === "array";
    return all.positional(row.name, {
      type: "string",
      array: isArray,
      describe,
      defaultDescription,
    });
  }, argv);
}

function yargsOption(row: Row): Options {
  const { type, help, variable, group, choices, isList, isRequired } = row;
  const shown = row.shownDefault ?? (isList && row.default === "" ? undefined : row.default);
  return {
    type,
    // Every value stays text until its row parses it.
    ...(type === "boolean" ? {} : { string: true }),
    requiresArg: type !== "boolean",
    describe: `${help}${variable === undefined ? "" : ` (or ${variable})`}${isRequired ? " (required)" : ""}`,
    ...(group === undefined ? {} : { group: `${group}:` }),
    ...(choices === undefined ? {} : { choices }),
    ...(shown === undefined ? {} : { defaultDescription: String(shown) }),
  };
}

/**
 * The arguments for yargs. Switches are spelt as yargs understands them. What stands after `--` is marked as text:
 * yargs would take `-5` there for a number, and lose it where a command has positionals.
 * @throws SHARDCAST_OPTION_INVALID where a switch is neither on nor off
 */
export function argumentsFor(argv: readonly string[], rows: readonly Row[]): string[] {
  const switches = new Set(rows.flatMap(({ type, name }) => (type === "boolean" ? [name] : [])));
  const end = argv.indexOf("--");
  const [options, texts] = end < 0 ? [argv, []] : [argv.slice(0, end), argv.slice(end + 1)];
  return [
    ...options.map((arg) => {
      const [, name = "", value] = /^--([\w-]+)=(.*)$/s.exec(arg) ?? [];
      return switches.has(name) ? `--${name}=${String(isOn(value, `--${name}`))}` : arg;
    }),
    ...texts.map((text) => `${MARK}${text}`),
  ];
}

/** Everything that all commands expect of yargs. */
export function strict(argv: Argv): Argv {
  const columns = process.stdout.isTTY ? process.stdout.columns : HELP_COLUMNS;
  return argv
    .middleware(unmark, true)
    .strict()
    .parserConfiguration({ "camel-case-expansion": false, "dot-notation": false })
    .locale("en")
    .wrap(Math.min(HELP_COLUMNS, columns))
    .version(false)
    .exitProcess(false)
    .fail((message: string | undefined, error: unknown) => {
      const isOfYargs = error instanceof Error && error.name === "YError";
      if (error instanceof ShardcastError || (error instanceof Error && !isOfYargs)) throw error;
      // yargs explains a wrong value in several lines.
      throw optionInvalid((message ?? "unusable options").trim().replace(/\s*\n\s*/g, " "));
    });
}

function unmark(values: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(values)) {
    values[name] = Array.isArray(value) ? value.map(unmarked) : unmarked(value);
  }
}

function unmarked(value: unknown): unknown {
  return typeof value === "string" && value.startsWith(MARK) ? value.slice(MARK.length) : value;
}
