// A node's output: JSON lines on stdout, plain lines on stderr. All lines go to the node's file, warnings also to the screen.
import { createWriteStream, type WriteStream } from "node:fs";

/** A line for the screen. */
export interface Remark {
  readonly level: string;
  readonly text: string;
  /** The id of the other node that it is about. */
  readonly peer: string | undefined;
}

/** Appends a node's lines to its file. A write error is reported once, and does not affect the node. */
export class NodeLog {
  readonly #stream: WriteStream;
  #isBroken = false;

  constructor(file: string, onFail: (error: Error) => void) {
    this.#stream = createWriteStream(file, { flags: "a", mode: 0o600 });
    this.#stream.on("error", (error) => {
      if (!this.#isBroken) onFail(error);
      this.#isBroken = true;
    });
  }

  append(line: string): void {
    if (!this.#isBroken) this.#stream.write(`${line}\n`);
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#isBroken) resolve();
      else this.#stream.end(() => resolve());
    });
  }
}

/** Parses a log line: whether it reports that the node listens, and what to show on the screen. */
export function readLogLine(line: string): { isListening: boolean; remark: Remark | undefined } {
  const fields = parseFields(line);
  const { level, msg } = fields;
  const isShown = level === "warn" || level === "error" || level === "fatal";
  if (!isShown || typeof msg !== "string")
    return { isListening: msg === "listening", remark: undefined };
  const peer = typeof fields["peer"] === "string" ? fields["peer"] : undefined;
  const details = [fields["fault"], messageOf(fields["error"])].filter(
    (detail) => typeof detail === "string",
  );
  const subject = peer === undefined ? msg : `${msg} ${peer}`;
  return { isListening: false, remark: { level, text: [subject, ...details].join(": "), peer } };
}

function parseFields(line: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}

function messageOf(error: unknown): unknown {
  return typeof error === "object" && error !== null && "message" in error ? error.message : error;
}
