// When a webhook that was not delivered is tried again: minutes first, then hours, for somebody has to be woken.

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;

/** How much of a delay may come on top of it, so that what failed together does not come back together. */
const JITTER = 0.1;

/** The waits before each attempt, in ms, as Standard Webhooks has them: ten attempts in about three days. */
export const RETRY_SCHEDULE_MS: readonly number[] = [
  0,
  5 * SECOND_MS,
  5 * MINUTE_MS,
  30 * MINUTE_MS,
  2 * HOUR_MS,
  5 * HOUR_MS,
  10 * HOUR_MS,
  14 * HOUR_MS,
  20 * HOUR_MS,
  24 * HOUR_MS,
];

/**
 * How long to wait before the next attempt, in ms: what the schedule says and up to a tenth more; undefined where
 * the schedule has ended, and the message is to be given up.
 * @param attempt how many attempts were made: 0 before the first, which goes out at once
 * @param random a number from 0 up to 1
 * @param scheduleMs the waits before each attempt. @default {@link RETRY_SCHEDULE_MS}
 * Source: Standard Webhooks, "Deliverability and reliability".
 */
export function retryDelayMs(
  attempt: number,
  random: number,
  scheduleMs: readonly number[] = RETRY_SCHEDULE_MS,
): number | undefined {
  const delayMs = scheduleMs[attempt];
  return delayMs === undefined ? undefined : Math.round(delayMs * (1 + JITTER * random));
}
