// Where a share of sorted values ends.

/** @param share 0.99 for the 99th percentile */
export function percentile(sorted: ArrayLike<number>, share: number): number {
  const index = Math.ceil(sorted.length * share) - 1;
  return sorted[Math.min(sorted.length - 1, Math.max(0, index))] ?? 0;
}
