import { expect } from "chai";
import { onWake } from "../src/wake.ts";

describe("waking", () => {
  const names = ["addEventListener", "removeEventListener", "document"] as const;

  afterEach(() => {
    for (const name of names) Reflect.deleteProperty(globalThis, name);
  });

  it("is told where a browser's network is back, and where the page is shown", () => {
    const window = new EventTarget();
    const document = Object.assign(new EventTarget(), { visibilityState: "hidden" });
    const fakes = {
      addEventListener: window.addEventListener.bind(window),
      removeEventListener: window.removeEventListener.bind(window),
      document,
    };
    for (const name of names) {
      Object.defineProperty(globalThis, name, { value: fakes[name], configurable: true });
    }
    let count = 0;
    const stop = onWake(() => (count += 1));
    const steps: (() => unknown)[] = [
      () => window.dispatchEvent(new Event("online")),
      () => window.dispatchEvent(new Event("pageshow")),
      () => document.dispatchEvent(new Event("visibilitychange")),
      () => {
        document.visibilityState = "visible";
        document.dispatchEvent(new Event("visibilitychange"));
      },
      () => {
        stop();
        window.dispatchEvent(new Event("online"));
        document.dispatchEvent(new Event("visibilitychange"));
      },
    ];
    const counts = steps.map((step) => {
      step();
      return count;
    });
    expect(counts).to.deep.equal([1, 2, 2, 3, 3]);
  });
});
