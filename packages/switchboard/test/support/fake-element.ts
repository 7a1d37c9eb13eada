// The part of a page's element that the page may use. Anything else, above all innerHTML, throws an error.

interface FakeEvent {
  readonly preventDefault: () => void;
}

export class FakeElement {
  readonly tag: string;
  readonly dataset: Record<string, string> = {};
  children: FakeElement[] = [];
  className = "";
  textContent = "";
  href = "";
  src = "";
  value = "";
  valueAsNumber = 1;
  scrollTop = 0;
  readonly scrollHeight = 0;
  readonly clientHeight = 0;
  readonly #listeners: { readonly name: string; readonly listener: (event: FakeEvent) => void }[] =
    [];

  constructor(tag: string) {
    this.tag = tag;
  }

  set innerHTML(_markup: string) {
    throw new Error("innerHTML was set");
  }

  append(...children: FakeElement[]): void {
    this.children.push(...children);
  }

  replaceChildren(...children: FakeElement[]): void {
    this.children = children;
  }

  addEventListener(name: string, listener: (event: FakeEvent) => void): void {
    this.#listeners.push({ name, listener });
  }

  /** Simulates a click or a submit. */
  fire(name: string): void {
    const event = { preventDefault: () => undefined };
    for (const each of this.#listeners) if (each.name === name) each.listener(event);
  }

  get all(): FakeElement[] {
    return [this, ...this.children.flatMap((child) => child.all)];
  }

  get text(): string {
    return this.all.map(({ textContent }) => textContent).join("");
  }
}
