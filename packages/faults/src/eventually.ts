// Waits for another process to reach a state.

const INTERVAL_MS = 10;
const LIMIT_MS = 15_000;

/** Polls until the result is neither undefined, null nor false. Rejects if the poll throws. */
export async function eventually<Value>(
  what: string,
  ask: () => Value | Promise<Value>,
): Promise<Exclude<Value, undefined | null | false>> {
  const deadline = Date.now() + LIMIT_MS;
  for (;;) {
    const value = await ask();
    if (value !== undefined && value !== null && value !== false) {
      return value as Exclude<Value, undefined | null | false>;
    }
    if (Date.now() > deadline) throw new Error(`it never came about: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, INTERVAL_MS));
  }
}
