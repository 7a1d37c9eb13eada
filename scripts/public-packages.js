// The packages that are published: all without "private": true. Dependencies come before their dependents.

import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const PACKAGES = fileURLToPath(new URL("../packages", import.meta.url));

/** @returns {{ name: string, version: string, folder: string, manifest: object }[]} */
export function publicPackages() {
  const all = readdirSync(PACKAGES)
    .map((name) => join(PACKAGES, name))
    .map((folder) => ({ folder, manifest: readManifest(folder) }))
    .filter(({ manifest }) => manifest.private !== true);
  const byName = new Map(all.map((one) => [one.manifest.name, one]));
  const ordered = new Set();
  const add = (one) => {
    if (ordered.has(one)) return;
    for (const name of dependenciesOf(one.manifest)) {
      if (byName.has(name)) add(byName.get(name));
    }
    ordered.add(one);
  };
  for (const one of byName.values()) add(one);
  return [...ordered].map(({ folder, manifest }) => {
    return { name: manifest.name, version: manifest.version, folder, manifest };
  });
}

function readManifest(folder) {
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
}

function dependenciesOf({ dependencies = {}, peerDependencies = {} }) {
  return [...Object.keys(dependencies), ...Object.keys(peerDependencies)];
}
