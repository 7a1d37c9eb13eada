// `node scripts/check-packages.js TARBALL..` checks packed packages: publint, Are The Types Wrong (for ESM), and what
// this project promises of each. It prints every fault, and ends with 1 if there is one.

import { checkPackage, createPackageFromTarballData } from "@arethetypeswrong/core";
import { readFileSync } from "node:fs";
import { posix } from "node:path";
import { fileURLToPath } from "node:url";
import { publint } from "publint";
import { formatMessage } from "publint/utils";

/** The packages are ESM only: Node loads them by require() too, which these two resolutions do not know. */
const IGNORED_RESOLUTIONS = ["node10", "node16-cjs"];
const FIELDS = [
  ...["name", "version", "description", "license", "homepage", "bugs", "repository"],
  ...["type", "sideEffects", "engines", "files", "exports"],
];
const FILES = ["package.json", "README.md", "LICENSE"];

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const faults = await faultsOf(process.argv.slice(2));
  for (const fault of faults) console.log(fault);
  process.exitCode = faults.length === 0 ? 0 : 1;
}

/**
 * @param {readonly string[]} tarballs
 * @returns {Promise<string[]>}
 */
export async function faultsOf(tarballs) {
  const all = await Promise.all(
    tarballs.map(async (file) => {
      const data = readFileSync(file);
      const contents = createPackageFromTarballData(new Uint8Array(data));
      const faults = [
        ...(await publintFaults(data)),
        ...(await typeFaults(contents)),
        ...ownFaults(contents),
      ];
      return faults.map((fault) => `${contents.packageName}: ${fault}`);
    }),
  );
  return all.flat();
}

async function publintFaults(data) {
  const tarball = data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength);
  const { messages, pkg } = await publint({ pack: { tarball }, strict: true });
  return messages.map((message) => `publint: ${formatMessage(message, pkg, { color: false })}`);
}

async function typeFaults(contents) {
  const { types, problems } = await checkPackage(contents);
  if (types === false) return ["attw: there are no types"];
  return problems
    .filter(({ resolutionKind }) => !IGNORED_RESOLUTIONS.includes(resolutionKind))
    .map((problem) => `attw: ${JSON.stringify(problem)}`);
}

function ownFaults(contents) {
  const prefix = `/node_modules/${contents.packageName}/`;
  const names = contents.listFiles().map((name) => name.slice(prefix.length));
  const read = (name) => contents.readFile(prefix + name);
  const missing = FILES.filter((name) => !names.includes(name)).map((name) => `${name} is missing`);
  if (missing.length > 0) return missing;
  return [
    ...manifestFaults(read("package.json")),
    ...readmeFaults(read("README.md")),
    ...names
      .filter((name) => name.endsWith(".map"))
      .flatMap((name) => sourceMapFaults(name, JSON.parse(read(name)), names)),
    ...names
      .filter((name) => /^test\/|\.spec\.|\.tsbuildinfo$|\.env/.test(name))
      .map((name) => `${name} is packed`),
  ];
}

function manifestFaults(text) {
  const manifest = JSON.parse(text);
  return [
    ...FIELDS.filter((field) => manifest[field] === undefined).map(
      (field) => `package.json has no ${field}`,
    ),
    ...["workspace:", "catalog:", "@shardcast/source", "devDependencies"]
      .filter((word) => text.includes(word))
      .map((word) => `package.json contains ${word}`),
  ];
}

/** npm shows a README outside the repository. */
function readmeFaults(text) {
  return [...text.matchAll(/\]\(([^)]+)\)/g)]
    .map(([, target]) => target)
    .filter((target) => !/^(https:|#)/.test(target))
    .map((target) => `README.md has a relative link: ${target}`);
}

/** A debugger and an editor must find every source: in the map itself or in the package. */
function sourceMapFaults(name, { sources, sourcesContent = [] }, names) {
  return sources
    .filter((source, index) => {
      const file = posix.join(posix.dirname(name), source);
      return typeof sourcesContent[index] !== "string" && !names.includes(file);
    })
    .map((source) => `${name}: ${source} is not packed`);
}
