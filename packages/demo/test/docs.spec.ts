// The documents, held against the code: what they name exists.
import { NODE_OPTIONS } from "@shardcast/server";
import { expect } from "chai";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { dirname, join, resolve } from "node:path";

const ROOT = resolve(process.cwd());
const DOCUMENTS = [
  "README.md",
  "CONTRIBUTING.md",
  "CHANGELOG.md",
  ...readdirSync(join(ROOT, "docs"))
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`),
  ...readdirSync(join(ROOT, "packages"))
    .map((name) => `packages/${name}/README.md`)
    .filter((path) => existsSync(join(ROOT, path))),
];

/** Those that name options of nodes, and no others'. */
const OPTION_DOCUMENTS = [
  "README.md",
  ...["architecture", "http", "push", "protocol", "operations", "security"].map(
    (name) => `docs/${name}.md`,
  ),
];

function read(path: string): string {
  return readFileSync(join(ROOT, path), "utf8");
}

/** All TypeScript of the packages' sources, to look names up in. */
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

describe("documents", () => {
  for (const path of DOCUMENTS) {
    it(`${path} links to files that exist`, () => {
      const links = [...read(path).matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)];
      for (const [, link = ""] of links) {
        expect(existsSync(join(ROOT, dirname(path), link)), `${path} → ${link}`).to.equal(true);
      }
    });
  }

  it("docs/architecture.md names a function that stands in the file beside it", () => {
    const steps = [
      ...read("docs/architecture.md").matchAll(/\| `(packages\/[^`]+\.ts)` `(\w+)`\s*\|/g),
    ];
    expect(steps.length).to.be.greaterThan(8);
    for (const [, file = "", name = ""] of steps) {
      expect(read(file), `${file} has ${name}`).to.match(
        new RegExp(`^  (?:async )?${name}\\(`, "m"),
      );
    }
  });

  it("docs/architecture.md names only classes that exist", () => {
    const source = allSource();
    const names = [...read("docs/architecture.md").matchAll(/`([A-Z][A-Za-z]+)(?:\.\w+)?`/g)];
    for (const [, name = ""] of names) {
      const isThere = new RegExp(`(?:class|interface|type|const) ${name}\\b`).test(source);
      // Node's own are named as well.
      expect(isThere || name in globalThis, name).to.equal(true);
    }
  });

  it("docs/security.md names tests that exist", () => {
    const names = [...read("docs/security.md").matchAll(/`([a-z]+\/test[^`]*)`/g)];
    expect(names.length).to.be.greaterThan(10);
    for (const [, name = ""] of names) {
      expect(existsSync(join(ROOT, "packages", name)), name).to.equal(true);
    }
  });

  it("docs/operations.md tells the limits as they are", () => {
    const rows = read("docs/operations.md").matchAll(/^\| `--([a-z-]+)` +\| ([0-9]+) +\|/gm);
    const listed = [...rows].map(([, name = "", value]) => [name, Number(value)] as const);
    expect(listed.length).to.be.at.least(11);
    for (const [name, value] of listed) {
      expect(
        (NODE_OPTIONS as Readonly<Record<string, { default?: unknown }>>)[name],
        name,
      ).to.include({
        default: value,
      });
    }
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
