// How the page shows messages of the back end: none of their content becomes markup or runs.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { FakeElement } from "./support/fake-element.ts";

const WEB = join("packages", "switchboard", "web");
const MARKUP = '<img src=x onerror="alert(1)"><script>alert(2)</script>';

interface FrameView {
  frameElement(document: unknown, frame: unknown, act: (message: unknown) => void): FakeElement;
  safeUrl(value: unknown): string | undefined;
}

describe("a frame on the page", () => {
  const said: unknown[] = [];
  let view: FrameView;

  before(async () => {
    view = (await import(join(process.cwd(), WEB, "frame-view.js"))) as FrameView;
  });

  function show(frame: unknown): FakeElement {
    const document = { createElement: (tag: string) => new FakeElement(tag) };
    return view.frameElement(document, frame, (message) => said.push(message));
  }

  function tagsOf(element: FakeElement): string[] {
    return element.all.map(({ tag }) => tag);
  }

  it("is text, whatever it looks like", () => {
    for (const frame of [{ body: MARKUP }, { type: MARKUP, body: MARKUP }]) {
      const element = show(frame);
      expect(tagsOf(element)).to.deep.equal(["div", "p"]);
      expect(element.text).to.equal(MARKUP);
    }
    expect(show({ type: "event", name: MARKUP }).text).to.equal(`event: ${MARKUP}`);
  });

  it("has buttons that say what they stand for", () => {
    const element = show({
      type: "button",
      body: "Which?",
      buttons: [
        { type: "payload", text: MARKUP, payload: '{"pet":"cat"}' },
        { type: "payload", text: "No payload", payload: "not JSON" },
        { type: "url", name: "More", url: "https://example.org/a" },
      ],
    });
    expect(tagsOf(element)).to.deep.equal(["div", "p", "div", "button", "button", "a"]);
    for (const each of element.all) each.fire("click");
    expect(said.splice(0)).to.deep.equal([
      { message: MARKUP, payload: { pet: "cat" } },
      { message: "No payload", payload: undefined },
    ]);
    expect(element.all.at(-1)).to.include({ href: "https://example.org/a", textContent: "More" });
  });

  it("leads nowhere but to http and https, and loads nothing else", () => {
    const urls = ["javascript:alert(1)", " JaVaScRiPt:alert(1)", "java\nscript:alert(1)"];
    const others = ["data:text/html,<script>alert(1)</script>", "vbscript:x", "file:///etc/passwd"];
    for (const url of [...urls, ...others, "//x", "/x", "", null, 7, {}, undefined]) {
      expect(view.safeUrl(url), JSON.stringify(url)).to.equal(undefined);
      const link = show({ type: "button", buttons: [{ type: "url", name: "x", url }] });
      expect(tagsOf(link)).to.not.include("a");
      expect(tagsOf(show({ type: "image", media_url: url }))).to.not.include("img");
    }
    const image = show({ type: "image", media_url: "https://example.org/x.png" });
    expect(image.all.map(({ src }) => src)).to.include("https://example.org/x.png");
  });

  it("may be anything", () => {
    const odd = [
      {},
      { body: null },
      { body: { a: 1 } },
      { body: ["x"] },
      { type: "button" },
      {
        type: "button",
        buttons: [null, 1, "x", [], {}, { type: "url" }, { text: {}, payload: {} }],
      },
      { type: "image" },
      { type: "event" },
      { type: {} },
    ];
    for (const frame of odd) expect(show(frame).tag).to.equal("div");
  });

  it("is made by scripts that cannot make markup", () => {
    for (const name of ["client.js", "frame-view.js"]) {
      expect(readFileSync(join(WEB, name), "utf8")).to.not.match(
        /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|srcdoc/,
      );
    }
    const page = readFileSync(join(WEB, "index.html"), "utf8");
    expect(page).to.not.match(/\son\w+=|style=|<script(?![^>]*\ssrc=)/);
  });
});
