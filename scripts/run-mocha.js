// `npm run t -- FILE` and `npm run t:watch -- FILE` run one spec or a folder of specs, and build the
// packages only where a test starts processes.

import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const MOCHA = join(root, "node_modules", "mocha", "bin", "mocha.js");
/** What a test that starts processes imports, by itself or by a helper beside it. */
const STARTS_PROCESSES = /from "(node:child_process|@shardcast\/(e2e|faults)[^"]*)"/;

const args = process.argv.slice(2);
const isWatching = args[0] === "--watch";
const paths = args.filter((arg) => existsSync(arg));
if (paths.length === 0) {
  console.error("usage: npm run t -- FILE [mocha's options]   FILE is a spec or a folder of specs");
  process.exit(1);
}

const specs = paths.flatMap(specsOf);
if (!existsSync(MOCHA) || specs.some(startsProcesses)) run([join(root, "scripts", "setup.js")]);
const rest = args.filter((arg) => !paths.includes(arg));
const watched = ["--watch-files", "packages/*/src/**/*.ts", "packages/*/test/**/*.ts"];
run([MOCHA, "--exit", ...(isWatching ? watched : []), ...rest, ...specs]);

function specsOf(path) {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path, { recursive: true })
    .filter((name) => name.endsWith(".spec.ts") && !name.includes("node_modules"))
    .map((name) => join(path, name));
}

/** Whether a spec, or a file beside it that it imports, starts processes. */
function startsProcesses(file) {
  const text = readFileSync(file, "utf8");
  if (STARTS_PROCESSES.test(text)) return true;
  return [...text.matchAll(/from "(\.\.?\/[^"]+)"/g)]
    .map(([, name]) => join(dirname(file), name))
    .filter((name) => !name.includes("/src/") && existsSync(name))
    .some(startsProcesses);
}

function run(command) {
  const { status } = spawnSync(process.execPath, command, { cwd: root, stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}
