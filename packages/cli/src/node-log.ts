// What a node says: JSON lines on stdout, plain ones on stderr. All go to its file; few are for the screen.
import { createWriteStream, type WriteStream } from "node:fs";

/** A line for the screen. */
export interface Remark {
  readonly level: string;
  readonly text: string;
  /** The other node that it is about. */
  readonly peer: string | undefined;
}

/** Appends a node's lines to its file. A file that cannot be written is told once, and ends no node. */
export class NodeLog {
  readonly #stream: WriteStream;
  #isBroken = false;

  constructor(file: string, failed: (error: Error) => void) {
    this.#stream = createWriteStream(file, { flags: "a", mode: 0o600 });
    this.#stream.on("error", (error) => {
      if (!this.#isBroken) failed(error);
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

/** What a log line means to the supervisor: that the node listens, or something to show. */
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
