// Real pages in Chromium: builds a page's script with the SDK, serves it, and opens it.
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { resolve } from "node:path";
import { build } from "esbuild";
import { chromium, type Browser, type BrowserContext, type Page } from "playwright-core";

export interface BrowserPages {
  /** `http://127.0.0.1:port` */
  readonly url: string;
  readonly browser: Browser;
  /** Opens a window with storage of its own, and a page in it. Errors of the page fail `close`. */
  open(context?: BrowserContext): Promise<{ page: Page; context: BrowserContext }>;
  close(): Promise<void>;
}

export interface BrowserPagesOptions {
  /** The page's script, as TypeScript. It may import the SDK and everything else of its folder's packages. */
  readonly script: string;
  /** The folder from which the script resolves its imports, from the repository's root. */
  readonly folder: string;
  /** More scripts, by path: for workers. */
  readonly scripts?: Readonly<Record<string, string>>;
  /** Packages in place of others. */
  readonly alias?: Readonly<Record<string, string>>;
  /** What the page receives as `config`. */
  readonly config?: object;
}

export async function openPages(options: BrowserPagesOptions): Promise<BrowserPages> {
  const files = new Map<string, { readonly type: string; readonly body: string }>();
  const add = async (path: string, script: string): Promise<void> => {
    for (const { name, text } of await bundle(script, path, options)) {
      files.set(name, { type: "text/javascript", body: text });
    }
  };
  await add("/page.js", options.script);
  for (const [path, script] of Object.entries(options.scripts ?? {})) await add(path, script);
  const config = JSON.stringify(options.config ?? {}).replaceAll("<", "\\u003c");
  const body = `<!doctype html><meta charset="utf-8"><title>test</title>
<script>globalThis.config = ${config};</script><main></main><script type="module" src="/page.js"></script>`;
  files.set("/", { type: "text/html; charset=utf-8", body });
  const server = await serve(files);
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  const browser = await chromium.launch({
    executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium",
    args: process.getuid?.() === 0 ? ["--no-sandbox"] : [],
  });
  const errors: string[] = [];
  return {
    url,
    browser,
    open: async (known) => {
      const context = known ?? (await browser.newContext());
      const page = await context.newPage();
      page.on("pageerror", (error) => errors.push(String(error)));
      await page.goto(url);
      return { page, context };
    },
    close: async () => {
      await browser.close();
      await new Promise((done) => {
        server.close(done);
        server.closeAllConnections();
      });
      if (errors.length > 0) throw new Error(`a page threw: ${errors.join("\n")}`);
    },
  };
}

async function bundle(
  script: string,
  path: string,
  { folder, alias = {} }: BrowserPagesOptions,
): Promise<{ readonly name: string; readonly text: string }[]> {
  const { outputFiles } = await build({
    stdin: { contents: script, resolveDir: resolve(folder), loader: "tsx" },
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "browser",
    target: "es2022",
    conditions: ["@shardcast/source"],
    jsx: "automatic",
    outdir: "/",
    entryNames: path.slice(1).replace(/\.js$/, ""),
    chunkNames: "chunk-[hash]",
    alias: { ...alias },
    // Where aliases are resolved.
    absWorkingDir: resolve(folder),
    define: { "process.env.NODE_ENV": '"development"' },
    write: false,
  });
  return outputFiles.map(({ path: name, text }) => ({ name, text }));
}

function serve(
  files: ReadonlyMap<string, { readonly type: string; readonly body: string }>,
): Promise<Server> {
  const server = createServer((request, response) => {
    const file = files.get(request.url ?? "/");
    response.writeHead(file === undefined ? 404 : 200, {
      "content-type": file?.type ?? "text/plain",
    });
    response.end(file?.body);
  });
  return new Promise((done) => server.listen(0, "127.0.0.1", () => done(server)));
}
