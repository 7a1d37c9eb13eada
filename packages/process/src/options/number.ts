// Options that are whole numbers, in digits. yargs and `Number` take a blank for 0, and `0x10` and `1e1` for numbers.
import { optionInvalid } from "./option-invalid.ts";

const DIGITS = /^-?\d{1,15}$/;

/**
 * Looks at each `--<name>=<value>` and `--<name> <value>` of an option that is a number.
 * @param isNumber tells whether an option is one, by its name
 * @throws SHARDCAST_OPTION_INVALID where a value is none
 */
export function checkNumbers(args: readonly string[], isNumber: (name: string) => boolean): void {
  const end = args.indexOf("--");
  for (const [index, arg] of (end === -1 ? args : args.slice(0, end)).entries()) {
    const [, name, inline] = /^--([\w-]+)(?:=(.*))?$/s.exec(arg) ?? [];
    if (name === undefined || !isNumber(name)) continue;
    const value = inline ?? args[index + 1];
    // Without any, it is told elsewhere that it needs one.
    if (value !== undefined) numberOf(`--${name}`, value);
  }
}

/**
 * @param name of the option or variable, for the error
 * @throws SHARDCAST_OPTION_INVALID where the text is no whole number, or not between the two
 */
export function numberOf(name: string, text: string, min = -Infinity, max = Infinity): number {
  const value = DIGITS.test(text) ? Number(text) : NaN;
  if (value >= min && value <= max) return value;
  const range = min === -Infinity ? "in digits" : `from ${min} to ${max}`;
  throw optionInvalid(`${name} is a whole number ${range}`);
}
