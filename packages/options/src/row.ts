// Defines an option in one row. Its command-line argument, environment variable, help, documentation, type and parser
// are derived from the row.
import { parseJson } from "./json-file.ts";
import { numberOf } from "./number.ts";
import { optionInvalid } from "./option-invalid.ts";
import { checkSecret } from "./secret.ts";

export interface Row<Value = unknown> {
  /** The name on the command line, without the dashes: `max-payload`. */
  readonly name: string;
  readonly type: "string" | "number" | "boolean" | "array";
  /** The permitted values, for the documentation: `1 to 65535`. */
  readonly values: string;
  readonly help: string;
  readonly group?: string;
  readonly default?: string | number | boolean;
  /** The text that the help and the documentation show instead of the default. */
  readonly shownDefault?: string;
  /** An additional environment variable, such as `PORT`. All other sources override it. */
  readonly variable?: string;
  readonly choices?: readonly string[];
  /** Whether the option may be repeated. */
  readonly isList?: boolean;
  readonly isRequired?: boolean;
  /** Options with the same meaning. One of them from a stronger source replaces this one. */
  readonly replacedBy?: readonly string[];
  /**
   * @param label the option or variable, for errors
   * @throws SHARDCAST_OPTION_INVALID
   */
  readonly parse: (value: unknown, label: string) => Value;
}

/** Rows by the name of the property that holds the parsed value. */
export type Rows = Readonly<Record<string, Row>>;

export type Values<R extends Rows> = {
  readonly [Key in keyof R]: R[Key] extends Row<infer Value> ? Value : never;
};

/** Unparsed values by the names of their options. */
export type Raw = Readonly<Record<string, unknown>>;

type Spec = Pick<Row, "help" | "group" | "shownDefault" | "variable" | "replacedBy"> & {
  readonly isRequired?: true;
};
type TextSpec = Spec & { readonly default?: string; readonly isEmptyAllowed?: true };
type NumberSpec = Spec & { readonly default?: number; readonly min: number; readonly max?: number };
type Given<S, Value> = S extends { readonly default: unknown } | { readonly isRequired: true }
  ? Value
  : Value | undefined;
type Convert<Value> = (text: string, label: string) => Value;

/** @param convert returns the value for the text; without it, the text is the value */
export function text<S extends TextSpec, Value = string>(
  name: string,
  spec: S,
  convert?: Convert<Value>,
): Row<Given<S, Value>> {
  return makeRow({ name, type: "string", values: "text", ...spec }, (value, label) => {
    const given = textOf(value, label, spec.isEmptyAllowed);
    return convert === undefined ? given : convert(given, label);
  });
}

/** A key or secret, which {@link checkSecret} checks. */
export function secret<S extends TextSpec>(name: string, spec: S): Row<Given<S, string>> {
  return text(name, spec, (given, label) => checkSecret(label, given));
}

/** A list of texts, separated by commas or from a repeated option. Without a default, it may be empty. */
export function list<Value = string>(
  name: string,
  spec: TextSpec,
  convert?: Convert<Value>,
): Row<readonly Value[]> {
  const row = {
    name,
    type: "string",
    values: "a,b,…",
    isList: true,
    default: "",
    ...spec,
  } as const;
  return makeRow(row, (value, label) => {
    const entries = [value]
      .flat()
      .flatMap((part) => textOf(part, label, true).split(","))
      .map((entry) => entry.trim())
      .filter((entry) => entry !== "");
    return convert === undefined ? entries : entries.map((entry) => convert(entry, label));
  });
}

/** A list of texts, one per argument, which may contain commas. Without an argument, the list is empty. */
export function texts<Value = string>(
  name: string,
  spec: Spec,
  convert?: Convert<Value>,
): Row<readonly Value[]> {
  return makeRow(
    { name, type: "array", values: "texts", isList: true, ...spec },
    (value, label) => {
      const entries = [value].flat().map((entry) => textOf(entry, label, true));
      return convert === undefined ? entries : entries.map((entry) => convert(entry, label));
    },
  );
}

/** A list of texts from a repeated option, one each time. Arguments after the text do not belong to the option. */
export function repeated<Value = string>(
  name: string,
  spec: Spec,
  convert?: Convert<Value>,
): Row<readonly Value[]> {
  return { ...texts(name, spec, convert), type: "string" };
}

export function choice<const Choice extends string, S extends Spec & { readonly default?: Choice }>(
  name: string,
  choices: readonly Choice[],
  spec: S,
): Row<Given<S, Choice>> {
  const values = choices.join(", ");
  return makeRow({ name, type: "string", choices, values, ...spec }, (value, label) => {
    const found = choices.find((one) => one === value);
    if (found === undefined) throw optionInvalid(`${label} is one of ${values}`);
    return found;
  });
}

/** A whole number from `min` to `max`. */
export function whole<S extends NumberSpec>(name: string, spec: S): Row<Given<S, number>> {
  const { min, max = Number.MAX_SAFE_INTEGER } = spec;
  const values = max === Number.MAX_SAFE_INTEGER ? `${min} or more` : `${min} to ${max}`;
  return makeRow({ name, type: "number", values, ...spec }, (value, label) =>
    numberOf(label, typeof value === "number" ? String(value) : value, min, max),
  );
}

/** A whole number. 0 means no limit, so its value is Infinity. */
export function limit(name: string, spec: Spec & { readonly default: number }): Row<number> {
  const row = whole(name, { ...spec, min: 0 });
  return { ...row, parse: (value, label) => row.parse(value, label) || Infinity };
}

export function onOff(name: string, spec: Spec): Row<boolean> {
  const row = { name, type: "boolean", values: "on, off", default: false, ...spec } as const;
  return makeRow(row, isOn);
}

/** JSON text in an argument or a variable. In a JSON file, the value itself. */
export function json(name: string, spec: Spec): Row {
  return makeRow({ name, type: "string", values: "JSON", ...spec }, (value, label) =>
    typeof value === "string" ? parseJson(label, value) : value,
  );
}

/** Returns the environment variable of a node's option. */
export function variableOf(name: string): string {
  return `SHARDCAST_${name.toUpperCase().replaceAll("-", "_")}`;
}

/**
 * @param labels the labels for errors, by option name; the default is `--<name>`
 * @throws SHARDCAST_OPTION_INVALID
 */
export function parseRows<R extends Rows>(
  rows: R,
  raw: Raw,
  labels: ReadonlyMap<string, string> = new Map(),
): Values<R> {
  const values = Object.entries(rows).map(([key, row]) => [
    key,
    row.parse(raw[row.name], labels.get(row.name) ?? `--${row.name}`),
  ]);
  return Object.fromEntries(values) as Values<R>;
}

const ON: readonly unknown[] = [true, "true", "1", "yes", "on"];
const OFF: readonly unknown[] = [false, "false", "0", "no", "off"];

/** Returns the value of a switch. yargs silently reads `--name=1` and `--name=yes` as off. */
export function isOn(value: unknown, label: string): boolean {
  const word = typeof value === "string" ? value.toLowerCase() : value;
  if (ON.includes(word)) return true;
  if (OFF.includes(word)) return false;
  throw optionInvalid(`${label} is on or off: true, 1, yes, on, or false, 0, no, off`);
}

function textOf(value: unknown, label: string, isEmptyAllowed = false): string {
  if (typeof value === "string" && (isEmptyAllowed || value !== "")) return value;
  throw optionInvalid(`${label} needs one value`);
}

function makeRow<Value>(row: Omit<Row, "parse">, parse: Row["parse"]): Row<Value> {
  const { isRequired, name, variable } = row;
  return {
    ...row,
    parse: (value, label) => {
      const given = value === undefined ? row.default : value;
      if (given !== undefined && !(isRequired && given === "")) return parse(given, label) as Value;
      if (!isRequired) return (row.type === "array" ? [] : undefined) as Value;
      const alternative = variable === undefined ? "" : ` (or ${variable})`;
      throw optionInvalid(`--${name}${alternative} is needed`);
    },
  };
}
