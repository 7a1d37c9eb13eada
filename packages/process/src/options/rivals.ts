// Options that say the same in two ways, such as --psk and --psk-file. The one from the stronger source counts: an
// argument more than the environment, and that more than a file.

/** Names of options: whoever gives one of the first means none of the second, and the other way round. */
export type Rivals = readonly [readonly string[], readonly string[]];

/** Whether an option from a weaker source is outdone by a rival of it among `stronger`. */
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

/** The names of the options that arguments give. */
export function namesOf(args: readonly string[]): ReadonlySet<string> {
  const end = args.indexOf("--");
  const names = (end === -1 ? args : args.slice(0, end)).flatMap((arg) => {
    const [, name] = /^--([\w-]+)/.exec(arg) ?? [];
    return name === undefined ? [] : [name];
  });
  return new Set(names);
}
