// Parses options that are on or off. yargs silently reads `--name=1` and `--name=yes` as off.
import { optionInvalid } from "./option-invalid.ts";

const ON: ReadonlySet<string> = new Set(["true", "1", "yes", "on"]);
const OFF: ReadonlySet<string> = new Set(["false", "0", "no", "off"]);

/**
 * Returns the arguments with each `--<switch>=<value>` written so that yargs understands it.
 * @param isSwitch returns whether the option with this name is a switch
 * @throws SHARDCAST_OPTION_INVALID if the value is neither on nor off
 */
export function spellSwitches(
  args: readonly string[],
  isSwitch: (name: string) => boolean,
): string[] {
  return args.map((arg) => {
    const [, name, value] = /^--([\w-]+)=(.*)$/s.exec(arg) ?? [];
    if (name === undefined || value === undefined || !isSwitch(name)) return arg;
    return `--${name}=${String(isOn(name, value))}`;
  });
}

/** Returns the value of a switch that yargs has read, possibly from a file. @throws SHARDCAST_OPTION_INVALID */
export function switchOf(raw: Readonly<Record<string, unknown>>, name: string): boolean {
  const value = raw[name] ?? false;
  if (typeof value === "boolean") return value;
  throw optionInvalid(`--${name} must be true or false`);
}

function isOn(name: string, value: string): boolean {
  const word = value.toLowerCase();
  if (ON.has(word)) return true;
  if (OFF.has(word)) return false;
  throw optionInvalid(`--${name} must be on (true, 1, yes, on) or off (false, 0, no, off)`);
}
