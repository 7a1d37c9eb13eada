// Unique random ids. Not crypto.randomUUID, because pages that were not loaded over TLS do not have it.

const RANDOM_BYTES = 9;

export function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(RANDOM_BYTES));
  return Array.from(bytes, (byte) => byte.toString(36).padStart(2, "0")).join("");
}
