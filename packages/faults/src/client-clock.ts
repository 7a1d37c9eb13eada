// The wall clock of this process, where its clients run, and how it is moved.

export class ClientClock {
  readonly #real = Date.now;
  #offsetMs = 0;

  constructor() {
    Date.now = () => this.#real() + this.#offsetMs;
  }

  step(ms: number): void {
    this.#offsetMs += ms;
  }

  restore(): void {
    Date.now = this.#real;
  }
}
