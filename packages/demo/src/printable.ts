// Text of strangers, made safe to show: it must not be able to drive the terminal.

// Control characters, line separators, and what turns the direction of text around.
const UNSAFE = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;

/** Writes whatever a terminal would act on as `\u{…}`. */
export function printable(text: string): string {
  return text.replaceAll(UNSAFE, (unsafe) => `\\u{${(unsafe.codePointAt(0) ?? 0).toString(16)}}`);
}
