// How far a webhook's timestamp may be from now: one rule for who verifies and for who remembers.

/** Standard Webhooks' libraries have the same. */
export const DEFAULT_TOLERANCE_S = 300;

/** Says on which side of the tolerance a timestamp is; undefined where it is within, ends included. */
export function timestampFault(
  timestampS: number,
  nowMs: number,
  toleranceS: number,
): "too-old" | "too-new" | undefined {
  const ageMs = nowMs - timestampS * 1000;
  if (ageMs < -toleranceS * 1000) return "too-new";
  // Not `ageMs > …`: what is no number is outside.
  return ageMs <= toleranceS * 1000 ? undefined : "too-old";
}
