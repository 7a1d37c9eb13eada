// Makes untrusted text safe to print: it must not control the terminal.

// Control characters, line separators, and characters that change the direction of text.
const UNSAFE = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;

/** Replaces characters that a terminal would interpret with `\u{…}`. */
export function printable(text: string): string {
  return text.replaceAll(UNSAFE, (unsafe) => `\\u{${(unsafe.codePointAt(0) ?? 0).toString(16)}}`);
}

/** Returns a value as JSON in one line, with the same characters escaped. */
export function printableJson(value: unknown): string {
  return JSON.stringify(value).replaceAll(
    UNSAFE,
    (unsafe) => `\\u${unsafe.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
