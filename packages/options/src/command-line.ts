// Prepares rows and arguments for yargs, which splits the command line and writes the help. yargs leaves every value
// as text, because the rows parse the values.
import { ShardcastError } from "@shardcast/protocol";
import type { Argv, Options } from "yargs";
import { optionInvalid } from "./option-invalid.ts";
import { isOn, type Row, type Rows } from "./row.ts";

const HELP_COLUMNS = 100;
/** Marks texts. No argument of a process can contain this character. */
const MARK = "\0";

/** Returns rows in the form of yargs, by option name. yargs only shows the defaults, so it returns only given values. */
export function yargsOptions(rows: Rows): Record<string, Options> {
  return Object.fromEntries(Object.values(rows).map((row) => [row.name, yargsOption(row)]));
}

/** Adds the positional arguments of a command. */
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
    // yargs must not convert the value, because the row parses it.
    ...(type === "boolean" ? {} : { string: true }),
    requiresArg: type !== "boolean",
    describe: `${help}${variable === undefined ? "" : ` (or ${variable})`}${isRequired ? " (required)" : ""}`,
    ...(group === undefined ? {} : { group: `${group}:` }),
    ...(choices === undefined ? {} : { choices }),
    ...(shown === undefined ? {} : { defaultDescription: String(shown) }),
  };
}

/**
 * Returns the arguments for yargs. Switches become `true` or `false`, the only values that yargs understands. Arguments
 * after `--` are marked as text, because yargs would read `-5` there as a number and drop it if a command has positionals.
 * @throws SHARDCAST_OPTION_INVALID if a switch is neither on nor off
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

/** Sets what all commands have in common: strict parsing, the form of the help, and errors in one line. */
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
      // yargs describes a wrong value in several lines.
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
