// Runs the module of a web page in a context that has only a browser's globals. Modules are loaded
// over HTTP, by the page's import map. Usage: node --experimental-vm-modules page-module.js
// <address> <the text that the user enters>
import vm from "node:vm";
import { WebSocket } from "ws";

const { URL, console, fetch, process, setTimeout } = globalThis;

/** Globals that a browser and Node share. fetch and WebSocket return buffers of this realm. */
const SHARED = [
  ...[
    "AbortController",
    "AbortSignal",
    "ArrayBuffer",
    "DOMException",
    "TextDecoder",
    "TextEncoder",
  ],
  ...["URL", "URLSearchParams", "Uint8Array", "clearInterval", "clearTimeout", "crypto"],
  ...["performance", "queueMicrotask", "setInterval", "setTimeout"],
];

const [address, entered] = process.argv.slice(2);
const page = new URL(address);
const html = await textOf(page);
const { imports } = JSON.parse(/<script type="importmap">([\s\S]*?)<\/script>/.exec(html)[1]);
const [, code] = /<script type="module">([\s\S]*?)<\/script>/.exec(html);

const input = { value: "" };
const form = { addEventListener: (_type, listener) => (form.onSubmit = listener) };
const list = { append: (line) => console.log(line.textContent) };
const elements = { input, form, ol: list };
const events = { addEventListener: () => undefined, removeEventListener: () => undefined };

const context = vm.createContext({
  ...Object.fromEntries(SHARED.map((name) => [name, globalThis[name]])),
  ...events,
  WebSocket,
  document: {
    ...events,
    createElement: () => ({}),
    querySelector: (name) => elements[name],
  },
  fetch: (path) => fetch(new URL(path, page)),
  location: page,
});
const modules = new Map();

const main = moduleAt(page.href, code);
await main.link((specifier, { identifier }) => imported(specifier, identifier));
void main.evaluate();
while (form.onSubmit === undefined) await new Promise((resolve) => setTimeout(resolve, 10));
input.value = entered;
form.onSubmit({ preventDefault: () => undefined });

async function imported(specifier, from) {
  const path = /^[./]/.test(specifier) ? specifier : imports[specifier];
  if (path === undefined) throw new Error(`the import map has no ${specifier}`);
  const { href } = new URL(path, from);
  if (!modules.has(href))
    modules.set(
      href,
      textOf(href).then((text) => moduleAt(href, text)),
    );
  return modules.get(href);
}

function moduleAt(identifier, text) {
  return new vm.SourceTextModule(text, { context, identifier });
}

async function textOf(url) {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${answer.status} for ${url}`);
  return answer.text();
}
