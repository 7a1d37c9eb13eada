// One option's value, checked. yargs gives a list where an option stands twice, and a number where a file
// has one.
import { ShardcastError } from "@shardcast/protocol";

/** Values as yargs gives them, whatever the option. */
export type RawOptions = Readonly<Record<string, unknown>>;

/** @throws SHARDCAST_OPTION_INVALID where it is no whole number between the two, ends included */
export function wholeNumber(raw: RawOptions, name: string, min: number, max: number): number {
  const value = raw[name];
  if (typeof value !== "number" || !Number.isInteger(value) || value < min || value > max) {
    throw optionInvalid(`--${name} is a whole number from ${min} to ${max}`);
  }
  return value;
}

export function text(raw: RawOptions, name: string): string {
  const value = raw[name];
  if (typeof value !== "string" || value === "") throw optionInvalid(`--${name} needs one value`);
  return value;
}

export function optionInvalid(detail: string): ShardcastError {
  return new ShardcastError("SHARDCAST_OPTION_INVALID", detail);
}
