// How far a webhook's timestamp may be from now. Verification and the replay guard use the same rule.

/** The same as in the libraries of Standard Webhooks. */
export const DEFAULT_TOLERANCE_S = 300;

/** Returns on which side of the tolerance a timestamp is; undefined if it is within, limits included. */
export function timestampFault(
  timestampS: number,
  nowMs: number,
  toleranceS: number,
): "too-old" | "too-new" | undefined {
  const ageMs = nowMs - timestampS * 1000;
  if (ageMs < -toleranceS * 1000) return "too-new";
  // Not `ageMs > …`, so that NaN counts as outside.
  return ageMs <= toleranceS * 1000 ? undefined : "too-old";
}
