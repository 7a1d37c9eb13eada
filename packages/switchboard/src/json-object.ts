// Reads untrusted JSON objects: their own fields, not those that every object inherits.

export function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Maximum nesting depth of a message. JSON.stringify fails at a depth of some thousands. */
export const MAX_NESTING = 500;

/** Whether a value is nested more deeply than allowed. */
export function isTooDeep(value: unknown, levels = MAX_NESTING): boolean {
  if (typeof value !== "object" || value === null) return false;
  return levels === 0 || Object.values(value).some((inner) => isTooDeep(inner, levels - 1));
}

/** Returns a field of the object itself, or undefined. */
export function own(value: object, name: string): unknown {
  return Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined;
}
