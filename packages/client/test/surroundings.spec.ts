import { expect } from "chai";
import { watch } from "../src/surroundings.ts";

describe("watching the surroundings", () => {
  const names = ["addEventListener", "removeEventListener", "document", "navigator"] as const;
  const before = names.map((name) => Object.getOwnPropertyDescriptor(globalThis, name));

  afterEach(() => {
    names.forEach((name, index) => {
      const descriptor = before[index];
      if (descriptor === undefined) Reflect.deleteProperty(globalThis, name);
      else Object.defineProperty(globalThis, name, descriptor);
    });
  });

  it("reports changes of a browser's network and page, until it is stopped", () => {
    const window = new EventTarget();
    const document = Object.assign(new EventTarget(), { visibilityState: "hidden" });
    const connection = new EventTarget();
    const fakes = {
      addEventListener: window.addEventListener.bind(window),
      removeEventListener: window.removeEventListener.bind(window),
      document,
      navigator: { connection },
    };
    for (const name of names) {
      Object.defineProperty(globalThis, name, { value: fakes[name], configurable: true });
    }
    const seen: string[] = [];
    const stop = watch({
      onWake: () => seen.push("wake"),
      onOffline: () => seen.push("offline"),
      onPageLeft: () => seen.push("left"),
    });
    const all = (): void => {
      for (const name of ["online", "offline", "pagehide", "pageshow"]) {
        window.dispatchEvent(new Event(name));
      }
      document.dispatchEvent(new Event("visibilitychange"));
      document.visibilityState = "visible";
      document.dispatchEvent(new Event("visibilitychange"));
      connection.dispatchEvent(new Event("change"));
    };
    all();
    expect(seen).to.deep.equal(["wake", "offline", "left", "wake", "wake", "wake"]);
    stop();
    all();
    expect(seen).to.have.lengthOf(6);
  });

  it("watches only the clock where there is no page", () => {
    const fail = (): never => expect.fail("nothing has happened");
    watch({ onWake: fail, onOffline: fail, onPageLeft: fail })();
  });
});
