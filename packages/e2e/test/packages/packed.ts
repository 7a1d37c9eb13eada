// Packs the public packages as they are published, and installs them outside the repository as a user does.
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const OUTPUT_LIMIT_BYTES = 16 * 1024 * 1024;

const PNPM = [process.execPath, resolve("scripts", "pnpm.js")];
const YARN = [process.execPath, resolve("packages/e2e/node_modules/yarn/bin/yarn.js")];

export type PackageManager = "npm" | "pnpm" | "yarn";

export interface PackedPackage {
  readonly name: string;
  /** The names of its entries, as programs import them. */
  readonly entries: readonly string[];
  readonly file: string;
}

/** Why the npm registry cannot be used; undefined if it can. */
export async function registryFault(): Promise<string | undefined> {
  try {
    await execute(["npm", "view", "ws", "version", "--fetch-retries=0", "--fetch-timeout=10000"]);
    return undefined;
  } catch (error) {
    return `the npm registry is not reachable: ${String(error).split("\n", 1)[0] ?? ""}`;
  }
}

export class PackedPackages {
  readonly folder = mkdtempSync(join(tmpdir(), "shardcast-packages-"));
  packages: readonly PackedPackage[] = [];

  async pack(): Promise<void> {
    const tarballs = join(this.folder, "tarballs");
    const output = await execute([process.execPath, "scripts/pack.js", tarballs]);
    const files = output.trim().split("\n");
    this.packages = await Promise.all(files.map(packageOf));
  }

  /** Installs all packages in an empty folder. @returns the folder */
  async install(
    manager: PackageManager,
    devDependencies: Readonly<Record<string, string>> = {},
  ): Promise<string> {
    const folder = join(this.folder, manager);
    mkdirSync(folder);
    const tarballs = this.packages.map(({ name, file }) => [name, `file:${file}`] as const);
    const dependencies = Object.fromEntries(tarballs);
    const manifest = {
      name: "app",
      version: "1.0.0",
      private: true,
      type: "module",
      dependencies,
      devDependencies,
      // The packages depend on one another by version, and no registry has these versions yet. npm takes the ones that
      // are already there.
      resolutions: dependencies,
      pnpm: { overrides: dependencies },
    };
    writeFileSync(join(folder, "package.json"), JSON.stringify(manifest));
    const registry = (await execute(["npm", "config", "get", "registry"])).trim();
    const yarnCache = join(this.folder, "yarn-cache");
    const commands = {
      npm: ["npm", "install", "--no-audit", "--no-fund"],
      pnpm: [...PNPM, "--dir", folder, "install", "--no-frozen-lockfile"],
      yarn: [
        ...[...YARN, "install", "--no-progress", "--non-interactive", "--ignore-scripts"],
        // light-my-request, of fastify, depends on cookie 2, which names Node 22 as its engine and runs with Node 20.
        ...["--ignore-engines", "--registry", registry, "--cache-folder", yarnCache],
      ],
    };
    await execute(commands[manager], folder);
    return folder;
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Runs a command outside of this run's npm and Node options. @returns its stdout */
export async function execute(
  command: readonly string[],
  cwd?: string,
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const [program = "", ...args] = command;
  const { stdout } = await run(program, args, {
    cwd,
    env: { ...userEnvironment(), ...env },
    maxBuffer: OUTPUT_LIMIT_BYTES,
  });
  return stdout;
}

/** The environment of a user's shell: without what npm and the tests add. */
export function userEnvironment(): Record<string, string | undefined> {
  const foreign = /^(SHARDCAST_.*|PSK.*|PORT|TIMEOUT|NODE_OPTIONS|INIT_CWD|npm_(?!config_).*)$/;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !foreign.test(name)));
}

async function packageOf(file: string): Promise<PackedPackage> {
  const text = await execute(["tar", "-xzOf", file, "package/package.json"]);
  const { name, exports } = JSON.parse(text) as { name: string; exports: Record<string, unknown> };
  const entries = Object.keys(exports).map((entry) => name + entry.slice(1));
  return { name, entries, file };
}

/** The first block of code in a package's README as it is packed. */
export function firstCode(folder: string, name: string, language: string): string {
  const readme = readFileSync(join(folder, "node_modules", name, "README.md"), "utf8");
  const [, code = ""] = new RegExp(`^\`\`\`${language}\n([^]*?)^\`\`\``, "m").exec(readme) ?? [];
  return code;
}
