// When to retry a failed webhook: after minutes at first, later after hours, so that an operator has time to react.

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;

/** Random addition to a delay, as a fraction of it, so that simultaneous failures are not retried simultaneously. */
const JITTER = 0.1;

/** The waits before each attempt, in ms, from Standard Webhooks: ten attempts in about three days. */
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
 * Returns the wait before the next attempt, in ms: the wait of the schedule plus up to a tenth; undefined after the end
 * of the schedule, when the message is to be given up.
 * @param attempt number of attempts made; 0 before the first, which is sent immediately
 * @param random a number from 0 (inclusive) to 1 (exclusive)
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
