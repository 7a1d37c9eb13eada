// Shifts the wall clock of this process, in which the clients run.

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
