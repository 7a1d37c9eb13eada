// `npm test`: every check of the project. `npm test -- ARGS` passes ARGS to mocha, and runs the tests alone.
// The last line is always "N passed, N failed": mocha's tests, and each other step as one.

import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

const SETUP = ["scripts/setup.js"];
const CHECKS = {
  lint: [
    "node_modules/eslint/bin/eslint.js",
    "--cache",
    "--cache-strategy=content",
    "--cache-location=node_modules/.cache/eslint",
    ".",
  ],
  format: [
    "node_modules/prettier/bin/prettier.cjs",
    "--check",
    "--cache",
    "--log-level",
    "warn",
    ".",
  ],
  "dead code": ["node_modules/knip/bin/knip.js", "--no-config-hints"],
  imports: [
    "node_modules/dependency-cruiser/bin/dependency-cruise.mjs",
    "--config",
    "dependency-rules.cjs",
    "packages",
  ],
  types: ["node_modules/typescript/bin/tsc", "--incremental", "-p", "tsconfig.json"],
};
/** The first takes longest: nothing is to wait for it in the end. */
const SPECS = [
  "packages/faults/test/faults.spec.ts",
  "packages/!(faults)/test/**/*.spec.ts",
  "packages/faults/test/!(faults).spec.ts",
];
const MOCHA = [
  "node_modules/mocha/bin/mocha.js",
  "--exit",
  "--reporter",
  "scripts/mocha-reporter.cjs",
  "--parallel",
  `--jobs=${availableParallelism()}`,
];

const total = { passed: 0, failed: 0, skipped: 0 };

count(runStep("setup", SETUP));
// A failed build leaves the other checks worth running, a failed install does not.
if (existsSync(join(root, "node_modules", "mocha"))) {
  const args = process.argv.slice(2);
  if (args.length === 0) {
    const results = await Promise.all(
      Object.entries(CHECKS).map(([name, command]) => runCheck(name, command)),
    );
    results.forEach(count);
  }
  runStep("programs", ["scripts/test-programs.js"]);
  runTests([...args, ...(args.some((arg) => existsSync(arg)) ? [] : SPECS)]);
}
if (total.skipped > 0) console.log(`\n${total.skipped} skipped`);
console.log(`\n${total.passed} passed, ${total.failed} failed`);
process.exitCode = total.failed > 0 ? 1 : 0;

function runTests(args) {
  const folder = mkdtempSync(join(tmpdir(), "shardcast-test-"));
  const statsFile = join(folder, "stats.json");
  const passed = runStep("tests", [...MOCHA, ...args], { SHARDCAST_MOCHA_STATS: statsFile });
  const stats = existsSync(statsFile)
    ? JSON.parse(readFileSync(statsFile, "utf8"))
    : { passes: 0, failures: 0, pending: 0 };
  rmSync(folder, { recursive: true });
  total.passed += stats.passes;
  total.failed += stats.failures;
  total.skipped += stats.pending;
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

/** Runs a step beside others, and prints its output in one piece. */
function runCheck(name, args) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, { cwd: root });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text) => (output += text));
    }
    child.on("close", (status) => {
      console.log(`\n== ${name}\n${output}`.trimEnd());
      resolve(status === 0);
    });
  });
}

function count(passed) {
  total[passed ? "passed" : "failed"] += 1;
}
