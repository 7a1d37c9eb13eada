// `npm run release -- --dry-run` builds, packs and checks all public packages, and lets npm check each one without
// publishing it. `npm run release` publishes them, in the order of their dependencies. A version that is published
// already is left out, so a release that failed halfway can be run again.

import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { faultsOf } from "./check-packages.js";
import { packAll } from "./pack.js";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

const args = process.argv.slice(2);
const isDryRun = args.includes("--dry-run");
if (args.some((arg) => arg !== "--dry-run")) {
  console.error("usage: npm run release -- [--dry-run]");
  process.exit(1);
}
const folder = mkdtempSync(join(tmpdir(), "shardcast-release-"));
try {
  await release();
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true });
}

async function release() {
  if (!isDryRun) requireCommitted();
  execFileSync(process.execPath, [join(ROOT, "scripts", "setup.js")], { stdio: "inherit" });
  const packages = packAll(folder);
  const faults = await faultsOf(packages.map(({ file }) => file));
  if (faults.length > 0) throw new Error(faults.join("\n"));
  for (const each of packages) {
    const id = `${each.name}@${each.version}`;
    if (isPublished(id)) {
      console.log(`${id} is published already`);
      continue;
    }
    npm(["publish", each.file, "--access", "public", ...(isDryRun ? ["--dry-run"] : [])]);
    console.log(isDryRun ? `${id} can be published` : `${id} is published`);
  }
}

/** What is published must be in the repository. */
function requireCommitted() {
  const changes = execFileSync("git", ["status", "--porcelain"], { cwd: ROOT, encoding: "utf8" });
  if (changes !== "") throw new Error(`commit these changes first:\n${changes}`);
}

function isPublished(id) {
  const { status, stdout } = spawnSync("npm", ["view", id, "version"], npmOptions());
  return status === 0 && stdout.trim() !== "";
}

function npm(npmArgs) {
  const { status, stdout, stderr } = spawnSync("npm", npmArgs, npmOptions());
  if (status !== 0) throw new Error(`npm ${npmArgs.join(" ")}\n${stdout}${stderr}`);
}

function npmOptions() {
  // On Windows npm is a .cmd file.
  return { cwd: folder, encoding: "utf8", shell: process.platform === "win32" };
}
