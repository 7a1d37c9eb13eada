// Options that set the same thing in two ways, such as --psk and --psk-file. The one from the stronger source counts: an
// argument before the environment, the environment before a file.

/** Two groups of option names: an option of one group excludes the options of the other. */
export type Rivals = readonly [readonly string[], readonly string[]];

/** Whether an option from a weaker source is overridden by a rival among `stronger`. */
export function isOutdone(
  name: string,
  stronger: ReadonlySet<string>,
  rivals: readonly Rivals[],
): boolean {
  return rivals.some(([some, others]) => {
    if (some.includes(name)) return others.some((other) => stronger.has(other));
    return others.includes(name) && some.some((other) => stronger.has(other));
  });
}

/** Returns the names of the options in the arguments. */
export function namesOf(args: readonly string[]): ReadonlySet<string> {
  const end = args.indexOf("--");
  const names = (end === -1 ? args : args.slice(0, end)).flatMap((arg) => {
    const [, name] = /^--([\w-]+)/.exec(arg) ?? [];
    return name === undefined ? [] : [name];
  });
  return new Set(names);
}
