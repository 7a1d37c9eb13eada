// `npm test`: every check of the project, one after the other. Arguments are passed on to mocha.
// The last line is always "N passed, N failed": mocha's tests, and each other step as one.

import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

const SETUP = ["scripts/setup.js"];
const CHECKS = {
  lint: ["node_modules/eslint/bin/eslint.js", "."],
  format: ["node_modules/prettier/bin/prettier.cjs", "--check", "--log-level", "warn", "."],
  "dead code": ["node_modules/knip/bin/knip.js", "--no-config-hints"],
  types: ["node_modules/typescript/bin/tsc", "-p", "tsconfig.json"],
};
const MOCHA = [
  "node_modules/mocha/bin/mocha.js",
  "--exit",
  "--reporter",
  "scripts/mocha-reporter.cjs",
];

const total = { passed: 0, failed: 0 };

count(runStep("setup", SETUP));
// A failed build leaves the other checks worth running, a failed install does not.
if (existsSync(join(root, "node_modules", "mocha"))) {
  for (const [name, args] of Object.entries(CHECKS)) count(runStep(name, args));
  count(runStep("programs", ["scripts/test-programs.js"]));
  runTests(process.argv.slice(2));
}
console.log(`\n${total.passed} passed, ${total.failed} failed`);
process.exitCode = total.failed > 0 ? 1 : 0;

function runTests(args) {
  const folder = mkdtempSync(join(tmpdir(), "shardcast-test-"));
  const statsFile = join(folder, "stats.json");
  const passed = runStep("tests", [...MOCHA, ...args], { SHARDCAST_MOCHA_STATS: statsFile });
  const stats = existsSync(statsFile)
    ? JSON.parse(readFileSync(statsFile, "utf8"))
    : { passes: 0, failures: 0 };
  rmSync(folder, { recursive: true });
  total.passed += stats.passes;
  total.failed += stats.failures;
  // A crash outside any test: mocha did not succeed, yet no test has failed.
  if (!passed && stats.failures === 0) total.failed += 1;
}

function runStep(name, args, env = {}) {
  console.log(`\n== ${name}`);
  const { status } = spawnSync(process.execPath, args, {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: "inherit",
  });
  return status === 0;
}

function count(passed) {
  total[passed ? "passed" : "failed"] += 1;
}
