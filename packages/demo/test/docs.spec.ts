// The documents, held against the code: what they name exists.
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

  it("names only options that exist", () => {
    const source = allSource();
    for (const path of ["README.md", "docs/architecture.md", "docs/http.md", "docs/protocol.md"]) {
      for (const [, name = ""] of read(path).matchAll(/`--([a-z][a-z-]+)/g)) {
        const isThere = new RegExp(`["\\s{]${name}["]?: \\{`).test(source);
        expect(isThere || source.includes(`"${name}"`), `${path}: --${name}`).to.equal(true);
      }
    }
  });
});
