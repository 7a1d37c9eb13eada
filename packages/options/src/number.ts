import { optionInvalid } from "./option-invalid.ts";

const DIGITS = /^-?\d{1,16}$/;

/**
 * A whole number in digits. `Number` would take a blank for 0, and `0x10` and `1e1` for numbers.
 * @param name of the option or variable, for the error
 * @throws SHARDCAST_OPTION_INVALID where the text is not a whole number between the two, ends included
 */
export function numberOf(name: string, text: unknown, min: number, max: number): number {
  const value = typeof text === "string" && DIGITS.test(text) ? Number(text) : NaN;
  if (value >= min && value <= max) return value;
  throw optionInvalid(`${name} is a whole number from ${min} to ${max}`);
}
