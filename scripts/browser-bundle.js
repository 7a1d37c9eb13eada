// Bundles the client for browsers: dist/browser/shardcast.min.js, which a script tag loads, and a chunk for each part
// that a page loads when it uses it. rollup puts what the chunks share into the first file, esbuild minifies.

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const CLIENT = join(ROOT, "packages", "client", "dist");
const PROTOCOL = join(ROOT, "packages", "protocol", "dist");
const FOLDER = join(CLIENT, "browser");
const MAIN = "shardcast.min.js";
const STAMP = join(ROOT, "node_modules", ".cache", "shardcast-browser-bundle");
/** The baseline that packages/client/README.md states. */
const TARGET = ["chrome111", "edge111", "firefox115", "safari16.4"];

const ERRORS = join(PROTOCOL, "errors.js");

const RESOLVED = {
  "@shardcast/protocol": join(PROTOCOL, "index.js"),
  "#platform": join(CLIENT, "platform.browser.js"),
  "#lazy": join(CLIENT, "lazy.browser.js"),
};

/** Builds the bundle if its inputs have changed. Run it after tsc. */
export async function buildBrowserBundle() {
  const wanted = hashOfInputs();
  const isBuilt = existsSync(join(FOLDER, MAIN)) && existsSync(STAMP);
  if (isBuilt && readFileSync(STAMP, "utf8") === wanted) return;
  rmSync(FOLDER, { recursive: true, force: true });
  mkdirSync(FOLDER, { recursive: true });
  for (const { name, text } of await bundle()) writeFileSync(join(FOLDER, name), text);
  mkdirSync(dirname(STAMP), { recursive: true });
  writeFileSync(STAMP, wanted);
}

async function bundle() {
  // Loaded only here: most builds have nothing to bundle.
  const [{ rollup }, esbuild] = await Promise.all([import("rollup"), import("esbuild")]);
  const bundle = await rollup({
    input: { [MAIN.replace(/\.js$/, "")]: join(CLIENT, "index.js") },
    plugins: [resolver, commonjs(esbuild), minifier(esbuild)],
    treeshake: { moduleSideEffects: false },
    // Chunks import what they share from the first file, so that a page loads one file.
    preserveEntrySignatures: "allow-extension",
  });
  const { output } = await bundle.generate({
    dir: FOLDER,
    format: "es",
    sourcemap: true,
    entryFileNames: "[name].js",
    chunkFileNames: "[name].min.js",
  });
  await bundle.close();
  return output.map((file) => ({
    name: file.fileName,
    text: file.type === "chunk" ? file.code : file.source,
  }));
}

const resolver = {
  name: "resolver",
  resolveId(id, importer) {
    if (id.startsWith(".")) return resolve(dirname(importer), id);
    return RESOLVED[id];
  },
  load(id) {
    if (!existsSync(`${id}.map`)) return undefined;
    const map = JSON.parse(readFileSync(`${id}.map`, "utf8"));
    // The sources of other packages are not in this one.
    map.sourcesContent = map.sources.map((name) => readFileSync(join(dirname(id), name), "utf8"));
    const code = readFileSync(id, "utf8");
    return { code: id === ERRORS ? withShortMessages(code) : code, map };
  },
};

/** Derives the messages of errors from their codes: the sentences would be a tenth of the bundle. */
function withShortMessages(code) {
  const short = code.replaceAll(/message: "[^"]*",\s*/g, "");
  if (short === code || short.includes("message:")) throw new Error(`${ERRORS} has changed`);
  const words = 'code.slice("SHARDCAST_".length).toLowerCase().replaceAll("_", " ")';
  return `${short}\nfor (const code in ERRORS) ERRORS[code].message = ${words};\n`;
}

/** Makes modules of the libraries that are CommonJS. */
function commonjs(esbuild) {
  const PREFIX = "\0library:";
  return {
    name: "commonjs",
    resolveId: (id) => (/^[a-z]/.test(id) ? PREFIX + id : undefined),
    async load(id) {
      if (!id.startsWith(PREFIX)) return undefined;
      const contents = `export { default } from ${JSON.stringify(id.slice(PREFIX.length))}`;
      const result = await esbuild.build({
        stdin: { contents, resolveDir: PROTOCOL },
        bundle: true,
        format: "esm",
        platform: "browser",
        write: false,
      });
      return result.outputFiles[0].text;
    },
  };
}

function minifier(esbuild) {
  return {
    name: "minifier",
    async renderChunk(code) {
      const options = { minify: true, format: "esm", target: TARGET, legalComments: "none" };
      const { code: minified, map } = await esbuild.transform(code, {
        ...options,
        sourcemap: true,
      });
      return { code: minified, map };
    },
  };
}

function hashOfInputs() {
  const hash = createHash("sha256");
  const compiled = [CLIENT, PROTOCOL].flatMap((folder) =>
    readdirSync(folder, { recursive: true })
      .filter((name) => name.endsWith(".js") && !name.endsWith(".min.js"))
      .sort()
      .map((name) => join(folder, name)),
  );
  const files = [fileURLToPath(import.meta.url), join(ROOT, "pnpm-lock.yaml"), ...compiled];
  for (const file of files) hash.update(`${file}\0`).update(readFileSync(file));
  return hash.digest("hex");
}
