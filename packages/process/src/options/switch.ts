// Options that are on or off. yargs takes `--name=1` and `--name=yes` for off, without a word.
import { optionInvalid } from "./option-invalid.ts";

const ON: ReadonlySet<string> = new Set(["true", "1", "yes", "on"]);
const OFF: ReadonlySet<string> = new Set(["false", "0", "no", "off"]);

/**
 * The arguments with each `--<switch>=<value>` as yargs understands it.
 * @param isSwitch tells whether an option is one, by its name
 * @throws SHARDCAST_OPTION_INVALID where the value is neither on nor off
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

/** The value of a switch that yargs has read, maybe from a file. @throws SHARDCAST_OPTION_INVALID */
export function switchOf(raw: Readonly<Record<string, unknown>>, name: string): boolean {
  const value = raw[name] ?? false;
  if (typeof value === "boolean") return value;
  throw optionInvalid(`--${name} is true or false`);
}

function isOn(name: string, value: string): boolean {
  const word = value.toLowerCase();
  if (ON.has(word)) return true;
  if (OFF.has(word)) return false;
  throw optionInvalid(`--${name} is on or off: true, 1, yes, on, or false, 0, no, off`);
}
