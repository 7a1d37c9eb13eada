// Problem details for HTTP APIs (RFC 9457): the body of an error answer.
import { STATUS_CODES } from "node:http";

export const PROBLEM_TYPE = "application/problem+json";
/** Seconds after which a client should try again, for 429 and 503. */
export const RETRY_AFTER_S = 1;

export interface ProblemDetails<Code extends string = string> {
  /** `about:blank`: the title belongs to the status, and `code` identifies the error. */
  readonly type: "about:blank";
  readonly title: string;
  readonly status: number;
  /** A sentence for people. */
  readonly detail: string;
  readonly code: Code;
}

export function problemDetails<Code extends string>(
  status: number,
  code: Code,
  detail: string,
): ProblemDetails<Code> {
  return {
    type: "about:blank",
    title: STATUS_CODES[status] ?? "Error",
    status,
    detail,
    code,
  };
}
