// External programs that tests need. If one is missing, its tests are skipped, and `npm test`
// prints how to install it (scripts/test-programs.js).
import { spawnSync } from "node:child_process";

const FOUND = new Map<string, boolean>();

/** A suite whose tests are skipped if one of the programs is missing. */
export function describeWith(
  programs: readonly string[],
  title: string,
  body: (this: Mocha.Suite) => void,
): void {
  if (programs.every(isThere)) describe(title, body);
  else describe.skip(title, body);
}

/** Skips a test if one of the programs is missing. */
export function skipWithout(context: Mocha.Context, ...programs: readonly string[]): void {
  if (!programs.every(isThere)) context.skip();
}

function isThere(program: string): boolean {
  const found =
    FOUND.get(program) ??
    spawnSync(program, ["--version"], { stdio: "ignore" }).error === undefined;
  FOUND.set(program, found);
  return found;
}
