import { optionInvalid } from "./option-invalid.ts";

const DIGITS = /^-?\d{1,16}$/;

/**
 * Parses a whole number in decimal digits. `Number` also accepts blanks (as 0), `0x10` and `1e1`.
 * @param name the option or variable, for errors
 * @throws SHARDCAST_OPTION_INVALID if the text is not a whole number from `min` to `max`
 */
export function numberOf(name: string, text: unknown, min: number, max: number): number {
  const value = typeof text === "string" && DIGITS.test(text) ? Number(text) : NaN;
  if (value >= min && value <= max) return value;
  throw optionInvalid(`${name} must be a whole number from ${min} to ${max}`);
}
