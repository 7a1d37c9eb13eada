// `node scripts/pack.js FOLDER` packs every public package into the folder, as it is published. Run `npm run build`
// first.

import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, rmSync } from "node:fs";
import { join, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { publicPackages } from "./public-packages.js";

const SCRIPTS = fileURLToPath(new URL(".", import.meta.url));
/** What tsc writes for one source file. */
const OUTPUT = /\.(js|d\.ts)(\.map)?$/;

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [folder] = process.argv.slice(2);
  if (folder === undefined) {
    console.error("usage: node scripts/pack.js FOLDER");
    process.exit(1);
  }
  for (const { file } of packAll(folder)) console.log(file);
}

/**
 * @param {string} folder
 * @returns {{ name: string, version: string, folder: string, file: string }[]} the packages with their tarballs;
 * dependencies come before their dependents
 */
export function packAll(folder) {
  const destination = resolve(folder);
  const packages = publicPackages();
  for (const each of packages) removeStaleOutputs(each.folder);
  const filters = packages.flatMap(({ name }) => ["--filter", name]);
  const args = ["--recursive", ...filters, "pack", "--pack-destination", destination];
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(SCRIPTS, "pnpm.js"), ...args],
    {
      env: { ...process.env, npm_config_global_pnpmfile: join(SCRIPTS, "pack-manifest.cjs") },
      encoding: "utf8",
    },
  );
  if (status !== 0) throw new Error(`pnpm pack failed\n${stdout}${stderr}`);
  return packages.map(({ name, version, folder }) => {
    const file = join(destination, `${name.replace("@", "").replace("/", "-")}-${version}.tgz`);
    if (!existsSync(file)) throw new Error(`pnpm pack has not made ${file}`);
    return { name, version, folder, file };
  });
}

/** tsc leaves the outputs of sources that no longer exist. They must not be published. */
function removeStaleOutputs(folder) {
  const dist = join(folder, "dist");
  for (const name of readdirSync(dist, { recursive: true })) {
    if (name.startsWith(`browser${sep}`) || !OUTPUT.test(name)) continue;
    const source = join(folder, "src", name.replace(OUTPUT, ".ts"));
    if (!existsSync(source) && !existsSync(`${source}x`)) rmSync(join(dist, name));
  }
}
