// Ids that no other client has. Not crypto.randomUUID: pages that did not come over TLS do not have it.

const RANDOM_BYTES = 9;

export function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(RANDOM_BYTES));
  return Array.from(bytes, (byte) => byte.toString(36).padStart(2, "0")).join("");
}
