// Runs the pnpm version that package.json pins, with the arguments given. Nothing is installed globally.

import { spawnSync } from "node:child_process";
import { accessSync, constants, mkdirSync, readFileSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const { packageManager } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));

const { status, error } = spawnSync("npx", ["--yes", packageManager, ...process.argv.slice(2)], {
  cwd: root,
  env: { ...process.env, ...homeEnvironment() },
  stdio: "inherit",
  shell: process.platform === "win32", // where npx is a .cmd file
});
if (error) console.error(`npx cannot be started: ${error.message}`);
process.exitCode = status ?? 1;

/** npm and pnpm keep caches at home; where home is no writable folder they get one in node_modules. */
function homeEnvironment() {
  if (isAbsolute(homedir()) && isWritableFolder(homedir())) return {};
  const home = join(root, "node_modules", ".home");
  mkdirSync(home, { recursive: true });
  return { HOME: home, npm_config_cache: join(home, ".npm") };
}

function isWritableFolder(path) {
  try {
    accessSync(path, constants.W_OK);
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}
