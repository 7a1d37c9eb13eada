// Makes the checkout ready to run: dependencies installed, packages built. Does only what is needed.
// Speaks on stderr alone; stdout belongs to the program that follows.

import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildBrowserBundle } from "./browser-bundle.js";
import { withLock } from "./setup-lock.js";

const OUTPUT_LIMIT_BYTES = 64 * 1024 * 1024;
const QUIET_BUILD_MS = 2_000;

const root = fileURLToPath(new URL("..", import.meta.url));
const stampFile = join(root, "node_modules", ".cache", "shardcast-setup");

try {
  requireNode();
  await withLock(join(root, ".setup-lock"), async () => {
    await install();
    await build();
  });
} catch (error) {
  report(error.message);
  process.exitCode = 1;
}

function requireNode() {
  const { engines } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const [major, minor] = engines.node.match(/\d+/g).map(Number);
  const [ownMajor, ownMinor] = process.versions.node.split(".").map(Number);
  if (ownMajor < major || (ownMajor === major && ownMinor < minor)) {
    throw new Error(`needs Node ${engines.node}, this is ${process.versions.node}`);
  }
}

async function install() {
  const wanted = hashOfInputs();
  if (existsSync(stampFile) && readFileSync(stampFile, "utf8") === wanted) return;
  report("installing dependencies");
  await run("install", ["scripts/pnpm.js", "install", "--frozen-lockfile"]);
  mkdirSync(dirname(stampFile), { recursive: true });
  writeFileSync(stampFile, wanted);
}

async function build() {
  // A build with nothing to do is over before this speaks.
  const notice = setTimeout(() => report("building packages"), QUIET_BUILD_MS);
  try {
    await run("build", ["node_modules/typescript/bin/tsc", "-b", "tsconfig.build.json"]);
    await buildBrowserBundle();
  } finally {
    clearTimeout(notice);
  }
}

/** Changes when an install could have a different outcome. */
function hashOfInputs() {
  const packages = readdirSync(join(root, "packages")).sort();
  const files = [
    "package.json",
    "pnpm-lock.yaml",
    "pnpm-workspace.yaml",
    ...packages.map((name) => join("packages", name, "package.json")),
  ];
  const hash = createHash("sha256");
  for (const file of files.map((file) => join(root, file)).filter(existsSync)) {
    hash.update(`${file}\0`).update(readFileSync(file));
  }
  return hash.digest("hex");
}

/** Runs a Node script at the root; shows what it printed only when it fails. */
function run(step, args) {
  const options = { cwd: root, maxBuffer: OUTPUT_LIMIT_BYTES };
  return new Promise((resolve, reject) => {
    execFile(process.execPath, args, options, (error, stdout, stderr) => {
      if (!error) return resolve();
      process.stderr.write(stdout + stderr);
      reject(new Error(`${step} failed (${args.join(" ")})`));
    });
  });
}

function report(text) {
  process.stderr.write(`setup: ${text}\n`);
}
