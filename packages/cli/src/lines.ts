// Splits a stream of text into lines. Not node:readline, which also splits at U+2028 within a message.
import type { Readable } from "node:stream";

/** Yields lines without their line ends. The last line needs no line end. */
export async function* linesOf(input: Readable): AsyncGenerator<string, void> {
  input.setEncoding("utf8");
  let rest = "";
  for await (const chunk of input as AsyncIterable<string>) {
    const lines = chunk.split("\n");
    const last = lines.pop() ?? "";
    for (const line of lines) {
      yield withoutReturn(rest + line);
      rest = "";
    }
    rest += last;
  }
  if (rest !== "") yield withoutReturn(rest);
}

function withoutReturn(line: string): string {
  return line.endsWith("\r") ? line.slice(0, -1) : line;
}
