// The result of one attempt to deliver a webhook, derived from the answer.
import type { IncomingHttpHeaders } from "node:http";
import { parseRetryAfterMs } from "./retry-after.ts";

const EXCERPT_MAX_CHARACTERS = 200;
/** Replaced by a blank: control, format and unassigned characters, and line breaks. */
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}\s]+/gu;
/** Shorter header values are not hidden: they are no secrets, and would match by chance. */
const SECRET_MIN_CHARACTERS = 8;

/**
 * In Standard Webhooks every result except `delivered` is a failure to retry until the end of the schedule, and only
 * `gone` means to stop sending to the endpoint. `refused` and `blocked` are retried like `retry`, because the
 * endpoint's operator may fix the cause, but a quick retry will not help, and they should be reported.
 *
 * A `reason` is safe to log and to show: it contains no URL, no header of the request, and at most 200 printable
 * characters of the answer.
 */
export type PostResult =
  /** 2xx. */
  | { readonly type: "delivered"; readonly status: number }
  /**
   * 408, 425, 429, 5xx, or no answer (unreachable, too slow, aborted). `retryAfterMs`: the earliest time of the next
   * attempt from `Retry-After`, in ms from now, at most 24 h.
   */
  | {
      readonly type: "retry";
      readonly status?: number;
      readonly retryAfterMs?: number;
      readonly reason: string;
    }
  /** 410: the endpoint accepts no more webhooks. */
  | { readonly type: "gone"; readonly status: 410; readonly reason: string }
  /** Every other status: redirects, which are not followed, and errors of the request. */
  | { readonly type: "refused"; readonly status: number; readonly reason: string }
  /** Nothing was sent: the URL, its address, or a header is not allowed. */
  | { readonly type: "blocked"; readonly reason: string };

/** The part of an answer that was read. */
export interface ReceivedAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** The beginning of the body. */
  readonly body: Uint8Array;
  /** Header values of the request. The endpoint may echo them, so they are hidden in a `reason`. */
  readonly secrets: readonly string[];
  readonly nowMs: number;
}

/** Derives the result from an answer. Never throws. */
export function resultOf(answer: ReceivedAnswer): PostResult {
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

function reasonOf({ status, body, secrets }: ReceivedAnswer): string {
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
