// What came of one attempt to deliver a webhook, and how an answer is read as that.
import type { IncomingHttpHeaders } from "node:http";
import { parseRetryAfterMs } from "./retry-after.ts";

const EXCERPT_MAX_CHARACTERS = 200;
/** What is not printed: control, format and unassigned characters, and what breaks a line. */
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}\s]+/gu;
/** A shorter header value says nothing that is worth hiding, and would be found by chance. */
const SECRET_MIN_CHARACTERS = 8;

/**
 * Standard Webhooks counts everything but `delivered` as a failure to be retried by the schedule, up to its end;
 * only `gone` says to stop sending to the endpoint. `refused` and `blocked` are retried like `retry`, for whoever
 * runs the endpoint may mend it meanwhile, but nobody need hurry, and they are worth telling.
 *
 * A `reason` is safe to log and to show: it has no URL and no header of the request, and of the answer at most 200
 * printable characters.
 */
export type PostResult =
  /** 2xx. */
  | { readonly type: "delivered"; readonly status: number }
  /**
   * 408, 425, 429, 5xx, or no answer: out of reach, too slow, aborted. `retryAfterMs`: as `Retry-After` has it, from
   * now on, 24 h at most; not to be tried before.
   */
  | {
      readonly type: "retry";
      readonly status?: number;
      readonly retryAfterMs?: number;
      readonly reason: string;
    }
  /** 410: the endpoint wants no more webhooks. */
  | { readonly type: "gone"; readonly status: 410; readonly reason: string }
  /** Every other status: redirects, which are not followed, and what is the request's fault. */
  | { readonly type: "refused"; readonly status: number; readonly reason: string }
  /** Nothing was sent: the URL, the address behind it, or a header is not allowed. */
  | { readonly type: "blocked"; readonly reason: string };

/** An answer, as far as it was read. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** The beginning of the body. */
  readonly body: Uint8Array;
  /** Header values of the request, which an endpoint may echo. */
  readonly secrets: readonly string[];
  readonly nowMs: number;
}

/** Reads an answer; never throws. */
export function resultOf(answer: Answer): PostResult {
  const { status } = answer;
  if (status >= 200 && status <= 299) return { type: "delivered", status };
  const reason = reasonOf(answer);
  if (status === 410) return { type: "gone", status, reason };
  if (!isRetryable(status)) return { type: "refused", status, reason };
  const retryAfterMs = parseRetryAfterMs(answer.headers["retry-after"], answer.nowMs);
  return { type: "retry", status, reason, ...(retryAfterMs !== undefined && { retryAfterMs }) };
}

function isRetryable(status: number): boolean {
  return status === 408 || status === 425 || status === 429 || (status >= 500 && status <= 599);
}

function reasonOf({ status, body, secrets }: Answer): string {
  let text = new TextDecoder().decode(body);
  for (const secret of secrets) {
    if (secret.length >= SECRET_MIN_CHARACTERS) text = text.replaceAll(secret, "…");
  }
  const excerpt = Array.from(text.replaceAll(UNPRINTABLE, " ").trim()).slice(
    0,
    EXCERPT_MAX_CHARACTERS,
  );
  return excerpt.length === 0 ? `status ${status}` : `status ${status}: ${excerpt.join("")}`;
}
