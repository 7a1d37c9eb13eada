// Checks the documents against the code: everything that they name must exist.
import { NODE_OPTIONS } from "@shardcast/options";
import { ERRORS } from "@shardcast/protocol";
import { expect } from "chai";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";

const ROOT = resolve(process.cwd());
const { PACKAGES, FOLDERS } = createRequire(join(ROOT, "package.json"))(
  "./dependency-tables.cjs",
) as Record<"PACKAGES" | "FOLDERS", Record<string, string[]>>;
const DOCUMENTS = [
  "README.md",
  "CONTRIBUTING.md",
  "CHANGELOG.md",
  "examples/README.md",
  "examples/react/README.md",
  ...readdirSync(join(ROOT, "docs"))
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`),
  ...readdirSync(join(ROOT, "packages"))
    .map((name) => `packages/${name}/README.md`)
    .filter((path) => existsSync(join(ROOT, path))),
];

/** Where a README that npm shows finds the repository's files. */
const REPOSITORY = /^https:\/\/github\.com\/shardcast\/shardcast\/blob\/main\//;

/** Documents that name node options and no other options. */
const OPTION_DOCUMENTS = [
  "README.md",
  ...["architecture", "http", "options", "push", "protocol", "operations", "security"].map(
    (name) => `docs/${name}.md`,
  ),
];

function read(path: string): string {
  return readFileSync(join(ROOT, path), "utf8");
}

/** The TypeScript sources of all packages, in which to look up names. */
function allSource(): string {
  return readdirSync(join(ROOT, "packages"))
    .map((name) => join(ROOT, "packages", name, "src"))
    .filter((folder) => existsSync(folder))
    .flatMap((folder) =>
      readdirSync(folder, { recursive: true, encoding: "utf8" })
        .filter((file) => file.endsWith(".ts"))
        .map((file) => readFileSync(join(folder, file), "utf8")),
    )
    .join("\n");
}

interface DocumentLink {
  /** Relative to the root of the repository. */
  readonly file: string;
  readonly anchor: string;
}

/** The links of a document to files of the repository. */
function linksOf(path: string): DocumentLink[] {
  return [...read(path).matchAll(/\]\(([^)#]*)(?:#([^)]*))?\)/g)].flatMap(
    ([, target = "", anchor = ""]) => {
      if (REPOSITORY.test(target)) return [{ file: target.replace(REPOSITORY, ""), anchor }];
      if (target.includes(":")) return [];
      return [{ file: target === "" ? path : join(dirname(path), target), anchor }];
    },
  );
}

/** The anchor that GitHub generates for a heading. */
function slug(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, "")
    .replaceAll(" ", "-");
}

describe("documents", () => {
  for (const path of DOCUMENTS) {
    it(`${path} links to files that exist`, () => {
      for (const { file } of linksOf(path)) {
        expect(existsSync(join(ROOT, file)), `${path} → ${file}`).to.equal(true);
      }
    });
  }

  it("link to headings that exist, from documents and from comments", () => {
    const links = DOCUMENTS.flatMap((path) =>
      linksOf(path)
        .filter(({ anchor }) => anchor !== "")
        .map((link) => ({ from: path, ...link })),
    );
    for (const [, file = "", anchor = ""] of allSource().matchAll(
      /(docs\/[a-z-]+\.md)#([\w-]+)/g,
    )) {
      links.push({ from: "a comment", file, anchor });
    }
    expect(links.length).to.be.greaterThan(100);
    for (const { from, file, anchor } of links) {
      const headings = [...read(file).matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
        slug(heading),
      );
      expect(headings, `${from} → ${file}`).to.include(anchor);
    }
  });

  it("have absolute links in the README of each public package, because npm shows it", () => {
    const isPublic = (path: string): boolean => {
      const manifest = join(dirname(path), "package.json");
      return !(JSON.parse(read(manifest)) as { private?: boolean }).private;
    };
    const readmes = DOCUMENTS.filter((path) => path.startsWith("packages/")).filter(isPublic);
    expect(readmes.length).to.be.greaterThan(8);
    for (const path of readmes) {
      const targets = [...read(path).matchAll(/\]\(([^)]+)\)/g)].map(([, target = ""]) => target);
      expect(
        targets.filter((target) => !/^(https:|#)/.test(target)),
        path,
      ).to.deep.equal([]);
    }
  });

  it("docs/architecture.md names a function that stands in the file beside it", () => {
    const steps = [
      ...read("docs/architecture.md").matchAll(/\| `(packages\/[^`]+\.ts)` `(#?\w+)`\s*\|/g),
    ];
    expect(steps.length).to.be.greaterThan(8);
    for (const [, file = "", name = ""] of steps) {
      expect(read(file), `${file} has ${name}`).to.match(
        new RegExp(`^  (?:async )?${name}\\(`, "m"),
      );
    }
  });

  it("docs/architecture.md lists the packages and folders in the order that the linter checks", () => {
    const text = read("docs/architecture.md");
    const rows = [
      ...text.matchAll(/^\| `([a-z0-9]+)` +\|[^|]+\| ((?:`[a-z0-9]+`(?:, )?)+|–) +\|$/gm),
    ];
    const imports = rows.map(([, name = "", list = ""]) => [name, list.match(/[a-z0-9]+/g) ?? []]);
    expect(Object.fromEntries(imports)).to.deep.equal(PACKAGES);
    const folders = [...text.matchAll(/^\| `([a-z-]+)\/` +\|/gm)].map(([, name]) => name);
    expect(folders).to.deep.equal(Object.values(FOLDERS).flat());
  });

  it("docs/architecture.md names only classes that exist", () => {
    const source = allSource();
    const names = [...read("docs/architecture.md").matchAll(/`([A-Z][A-Za-z]+)(?:\.\w+)?`/g)];
    for (const [, name = ""] of names) {
      const isThere = new RegExp(`(?:class|interface|type|const) ${name}\\b`).test(source);
      // Names of Node.js are valid too.
      expect(isThere || name in globalThis, name).to.equal(true);
    }
  });

  it("docs/errors.md lists each code once, and no other", () => {
    const rows = [
      ...read("docs/errors.md").matchAll(/^\| `(SHARDCAST_[A-Z_]+)` +\| \S[^|]+\| \S[^|]+\|$/gm),
    ];
    const listed = rows.map(([, code = ""]) => code);
    expect(listed.sort()).to.deep.equal(Object.keys(ERRORS).sort());
  });

  it("docs/security.md names tests that exist", () => {
    const names = [...read("docs/security.md").matchAll(/`([a-z0-9]+\/test[^`]*)`/g)];
    expect(names.length).to.be.greaterThan(10);
    for (const [, name = ""] of names) {
      expect(existsSync(join(ROOT, "packages", name)), name).to.equal(true);
    }
  });

  it("docs/operations.md tells the limits as they are", () => {
    const rows = read("docs/operations.md").matchAll(/^\| `--([a-z-]+)` +\| ([0-9]+) +\|/gm);
    const listed = [...rows].map(([, name = "", value]) => [name, Number(value)] as const);
    expect(listed.length).to.be.at.least(11);
    const defaults = Object.values(NODE_OPTIONS).map((row) => [row.name, row.default]);
    expect(Object.fromEntries(defaults)).to.include(Object.fromEntries(listed));
  });

  it("names only options that exist", () => {
    const source = allSource();
    for (const path of OPTION_DOCUMENTS) {
      for (const [, name = ""] of read(path).matchAll(/`--([a-z][a-z-]+)/g)) {
        const isThere = new RegExp(`["\\s{]${name}["]?: \\{`).test(source);
        expect(isThere || source.includes(`"${name}"`), `${path}: --${name}`).to.equal(true);
      }
    }
  });
});
