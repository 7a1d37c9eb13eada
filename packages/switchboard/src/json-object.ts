// A JSON object of somebody else's: what stands in it, and nothing that every object has.

export function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Levels of objects and lists in each other that a message may have: JSON.stringify fails at some thousands. */
export const MAX_NESTING = 500;

/** Tells whether a value has more levels than a message may have. */
export function isTooDeep(value: unknown, levels = MAX_NESTING): boolean {
  if (typeof value !== "object" || value === null) return false;
  return levels === 0 || Object.values(value).some((inner) => isTooDeep(inner, levels - 1));
}

/** Undefined where the object itself has no such field. */
export function own(value: object, name: string): unknown {
  return Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined;
}
