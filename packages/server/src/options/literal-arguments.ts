// What stands after `--` on a command line is text, whatever it looks like. yargs takes `-5` there for a number,
// and loses it where a command has positionals.

/** No argument of a process can hold it. */
const MARK = "\0";

/** The arguments for yargs: those after the first `--` are marked, and the `--` is gone. */
export function markLiterals(args: readonly string[]): string[] {
  const end = args.indexOf("--");
  if (end === -1) return [...args];
  return [...args.slice(0, end), ...args.slice(end + 1).map((text) => `${MARK}${text}`)];
}

/** Takes the marks off what yargs made of marked arguments. */
export function unmarkLiterals(values: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(values)) {
    values[name] = Array.isArray(value) ? value.map(unmarked) : unmarked(value);
  }
}

function unmarked(value: unknown): unknown {
  return typeof value === "string" && value.startsWith(MARK) ? value.slice(MARK.length) : value;
}
