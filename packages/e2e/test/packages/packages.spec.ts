// Installs the packed packages in empty folders outside the repository, and uses them there as a user does.
import { mkdirSync, writeFileSync } from "node:fs";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { eventually, spawnTied } from "@shardcast/faults";
import { TEST_PSK } from "@shardcast/e2e/nodes";
import { expect } from "chai";
import {
  PackedPackages,
  execute,
  firstCode,
  registryFault,
  userEnvironment,
  type PackageManager,
} from "./packed.ts";
import { CLIENT_TYPES, ESM_CHAT, LOAD_ENTRIES, REQUIRE_CHAT, TYPE_CHECK } from "./programs.ts";

const MANAGERS: readonly PackageManager[] = ["npm", "pnpm", "yarn"];
const TYPESCRIPTS = ["5.4", "5.6", "5.9", "6.0"];

/** `shardcast up` of an installed package. */
class InstalledCluster {
  readonly #child: ChildProcess;
  #output = "";

  constructor(folder: string) {
    const bin = join(folder, "node_modules", ".bin", "shardcast");
    const args = ["up", "--producers", "1", "--consumers", "1", "--port", "0", "--log", "memory"];
    this.#child = spawnTied(bin, args, {
      cwd: folder,
      env: { ...userEnvironment(), PSK: TEST_PSK },
      stdio: ["ignore", "pipe", "inherit"],
    });
    this.#child.stdout?.setEncoding("utf8").on("data", (text: string) => (this.#output += text));
  }

  /** The address of the consumer node, once all nodes are ready. */
  url(): Promise<string> {
    return eventually("the cluster is ready", () => {
      if (this.#child.exitCode !== null) throw new Error(`it ended: ${this.#output}`);
      const [, address] = /^consumers +ws:\/\/(\S+)/m.exec(this.#output) ?? [];
      return address === undefined ? undefined : `http://${address}`;
    });
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const ended = once(this.#child, "close");
    this.#child.kill("SIGTERM");
    await ended;
  }
}

describe("the packed packages", function () {
  this.timeout(300_000);

  const packed = new PackedPackages();
  /** All are installed at once; each test awaits the one that it needs. */
  const folders = new Map<PackageManager, Promise<string>>();
  let cluster: InstalledCluster | undefined;

  before(async function () {
    const fault = await registryFault();
    if (fault !== undefined) {
      console.log(`      skipped: ${fault}`);
      this.skip();
    }
    await packed.pack();
    // React has its types in a package of their own.
    const types: Record<string, string> = { "@types/node": "^20", "@types/react": "^19" };
    for (const version of TYPESCRIPTS) {
      types[`typescript-${version}`] = `npm:typescript@~${version}.0`;
    }
    for (const manager of MANAGERS) {
      const folder = packed.install(manager, manager === "npm" ? types : {});
      // Reported by the tests that need it.
      folder.catch(() => undefined);
      folders.set(manager, folder);
    }
    cluster = new InstalledCluster(await folderOf("npm"));
  });

  after(async () => {
    await Promise.allSettled(folders.values());
    await cluster?.stop();
    packed.remove();
  });

  function folderOf(manager: PackageManager): Promise<string> {
    return folders.get(manager) ?? Promise.reject(new Error(`${manager} was not started`));
  }

  async function clusterUrl(): Promise<string> {
    return (await cluster?.url()) ?? "";
  }

  /** Runs a program in the folder in which a package manager has installed the packages. */
  async function runIn(
    manager: PackageManager,
    program: { readonly file: string; readonly code: string },
    ...args: string[]
  ): Promise<string> {
    const folder = await folderOf(manager);
    writeFileSync(join(folder, program.file), program.code);
    const env = { NODE_URL: await clusterUrl(), PSK: TEST_PSK };
    return execute([process.execPath, "--no-warnings", program.file, ...args], folder, env);
  }

  it("are all that are not private", () => {
    const names = packed.packages.map(({ name }) => name);
    expect(names).to.include.members(["@shardcast/client", "@shardcast/protocol", "shardcast"]);
    expect(names.indexOf("@shardcast/protocol")).to.be.lessThan(names.indexOf("shardcast"));
  });

  it("have no fault that publint, attw or this project's own checks find", async () => {
    const files = packed.packages.map(({ file }) => file);
    const output = await execute([process.execPath, "scripts/check-packages.js", ...files]);
    expect(output).to.equal("");
  });

  it("would be refused with a fault", async () => {
    const folder = join(packed.folder, "faulty");
    mkdirSync(folder);
    const manifest = {
      name: "faulty",
      version: "1.0.0",
      exports: { ".": { default: "./index.js" } },
      dependencies: { "@shardcast/client": "workspace:*" },
    };
    writeFileSync(join(folder, "package.json"), JSON.stringify(manifest));
    writeFileSync(join(folder, "README.md"), "[the docs](../docs/http.md)");
    writeFileSync(join(folder, "LICENSE"), "MIT");
    writeFileSync(join(folder, "index.js"), "module.exports = {};");
    writeFileSync(join(folder, "index.js.map"), '{"sources":["../src/index.ts"]}');
    await execute(["npm", "pack"], folder);
    const checked = execute([
      process.execPath,
      "scripts/check-packages.js",
      `${folder}/faulty-1.0.0.tgz`,
    ]);
    const { stdout } = await checked.then(
      () => ({ stdout: "" }),
      (error: unknown) => error as { stdout: string },
    );
    for (const fault of [
      "publint: ",
      "attw: ",
      "package.json has no repository",
      "package.json contains workspace:",
      "README.md has a relative link: ../docs/http.md",
      "index.js.map: ../src/index.ts is not packed",
    ]) {
      expect(stdout).to.include(`faulty: ${fault}`);
    }
  });

  it("load in all entries by import and by require", async () => {
    const entries = packed.packages.flatMap((each) => each.entries);
    expect(entries.length).to.be.greaterThan(12);
    const program = { file: "entries.cjs", code: LOAD_ENTRIES };
    const output = await runIn("npm", program, ...entries);
    expect(output.trim().split("\n")).to.deep.equal(entries);
  });

  for (const manager of MANAGERS) {
    it(`publish and follow where ${manager} installs them, with import and with require`, async () => {
      const esm = { file: "chat.js", code: ESM_CHAT };
      expect(await runIn(manager, esm, `${manager}-esm`)).to.equal("1 { text: 'hello' }\n");
      const cjs = { file: "chat.cjs", code: REQUIRE_CHAT };
      expect(await runIn(manager, cjs, `${manager}-require`)).to.equal("1 { text: 'hello' }\n");
    });

    it(`have a command where ${manager} installs them`, async () => {
      const folder = await folderOf(manager);
      const bin = join(folder, "node_modules", ".bin", "shardcast");
      const to = ["--url", await clusterUrl()];
      const env = { PSK: TEST_PSK };
      const topic = `${manager}-command`;
      const output = await execute([bin, "publish", ...to, topic, "hello"], folder, env);
      expect(output).to.match(/^[0-9a-f]{16}_1\n$/);
      const from = ["--from", "earliest", "--count", "1"];
      const followed = await execute([bin, "subscribe", ...to, ...from, topic], folder, env);
      expect(followed).to.equal("hello\n");
    });
  }

  it("run the first code of the client's README", async () => {
    const folder = await folderOf("npm");
    const code = firstCode(folder, "@shardcast/client", "ts");
    const url = await clusterUrl();
    const program = code.replace("http://localhost:9000", url);
    expect(program).to.include(url);
    const file = join(folder, "readme.js");
    writeFileSync(file, program);
    const child = spawnTied(process.execPath, [file], {
      cwd: folder,
      env: { ...userEnvironment(), PSK: TEST_PSK },
      stdio: ["ignore", "pipe", "inherit"],
    });
    let output = "";
    child.stdout?.setEncoding("utf8").on("data", (text: string) => (output += text));
    await eventually("it gets what it publishes", () => output.endsWith("}\n"));
    expect(output).to.equal("1 { headline: 'It works' }\n");
    const ended = once(child, "close");
    child.kill();
    await ended;
  });

  it("run the first code of the testing package's README", async () => {
    const code = firstCode(await folderOf("npm"), "@shardcast/testing", "ts");
    const output = await runIn("npm", { file: "testing.js", code });
    expect(output).to.match(/^\{ epoch: '[0-9a-f]{16}', offset: 1, duplicate: false \}\n$/);
  });

  it("run the first commands of the command's README", async () => {
    const folder = await folderOf("npm");
    const commands = firstCode(folder, "shardcast", "sh").trim().split("\n");
    const [up = "", subscribe = "", publish = ""] = commands.map((command) =>
      command.replace(" news", " readme"),
    );
    expect(commands.length).to.equal(3);
    expect(up).to.match(/^npx shardcast up( |$)/);
    const url = `--url ${await clusterUrl()}`;
    const script = [
      subscribe
        .replace("subscribe", `subscribe ${url} --from earliest --count 1`)
        .replace(/#.*/, "& "),
      publish.replace("publish", `publish ${url}`),
      "wait",
    ].join("\n");
    const env = { PSK: TEST_PSK };
    const output = await execute(["bash", "-c", script], folder, env);
    expect(output.split("\n")).to.include("hello");
  });

  it("type-check with every supported TypeScript, in browsers and in Node", async () => {
    const folder = await folderOf("npm");
    const entries = packed.packages.flatMap((each) => each.entries);
    writeFileSync(join(folder, "client.ts"), CLIENT_TYPES);
    writeFileSync(
      join(folder, "entries.ts"),
      entries.map((entry, index) => `export * as entry${index} from "${entry}";\n`).join(""),
    );
    writeFileSync(join(folder, "types.cjs"), TYPE_CHECK);
    const outputs = await Promise.all(
      TYPESCRIPTS.map((version) => {
        const typescript = `./node_modules/typescript-${version}`;
        // The oldest and the newest version check every entry of every package.
        const isEnd = version === TYPESCRIPTS[0] || version === TYPESCRIPTS.at(-1);
        const files = ["client.ts", ...(isEnd ? ["entries.ts"] : [])];
        return execute([process.execPath, "types.cjs", typescript, ...files], folder).catch(
          (error: unknown) => String((error as { stdout?: string }).stdout ?? error),
        );
      }),
    );
    const clean = ["bundler browser 0", "bundler node 0", "nodenext browser 0", "nodenext node 0"];
    for (const [index, output] of outputs.entries()) {
      const lines = output.split("\n").filter((line) => line !== "");
      expect(lines, TYPESCRIPTS[index]).to.deep.equal(clean);
    }
  });
});
