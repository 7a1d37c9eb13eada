// Checks options that are whole numbers, in decimal digits. yargs and `Number` also accept blanks (as 0), `0x10` and `1e1`.
import { optionInvalid } from "./option-invalid.ts";

const DIGITS = /^-?\d{1,15}$/;

/**
 * Checks each `--<name>=<value>` and `--<name> <value>` of a numeric option.
 * @param isNumber returns whether the option with this name is numeric
 * @throws SHARDCAST_OPTION_INVALID if a value is not a whole number
 */
export function checkNumbers(args: readonly string[], isNumber: (name: string) => boolean): void {
  const end = args.indexOf("--");
  for (const [index, arg] of (end === -1 ? args : args.slice(0, end)).entries()) {
    const [, name, inline] = /^--([\w-]+)(?:=(.*))?$/s.exec(arg) ?? [];
    if (name === undefined || !isNumber(name)) continue;
    const value = inline ?? args[index + 1];
    // yargs reports a missing value.
    if (value !== undefined) numberOf(`--${name}`, value);
  }
}

/**
 * Parses a whole number.
 * @param name the option or variable, for errors
 * @throws SHARDCAST_OPTION_INVALID if the text is not a whole number or is out of range
 */
export function numberOf(name: string, text: string, min = -Infinity, max = Infinity): number {
  const value = DIGITS.test(text) ? Number(text) : NaN;
  if (value >= min && value <= max) return value;
  const range = min === -Infinity ? "in digits" : `from ${min} to ${max}`;
  throw optionInvalid(`${name} must be a whole number ${range}`);
}
