// Makes untrusted text safe to print, so that it cannot control the terminal.

// Control characters, line separators, and characters that change the direction of text.
const UNSAFE = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;

/** Replaces each unsafe character with `\u{…}`. */
export function printable(text: string): string {
  return text.replaceAll(UNSAFE, (unsafe) => `\\u{${(unsafe.codePointAt(0) ?? 0).toString(16)}}`);
}
