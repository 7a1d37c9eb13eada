// Sends WAIT, one at a time per connection: a connection that waits processes no other command, and
// one WAIT covers everything written before it.

export class ReplicaWait {
  #current: Promise<unknown> | undefined;
  #next: Promise<unknown> | undefined;

  /** Resolves with the result of a WAIT that is sent after this call. */
  wait(send: () => Promise<unknown>): Promise<unknown> {
    if (this.#current === undefined) return this.#start(send);
    this.#next ??= this.#current.then(
      () => this.#startNext(send),
      () => this.#startNext(send),
    );
    return this.#next;
  }

  #startNext(send: () => Promise<unknown>): Promise<unknown> {
    this.#next = undefined;
    return this.#start(send);
  }

  #start(send: () => Promise<unknown>): Promise<unknown> {
    const current = send().finally(() => {
      if (this.#current === current) this.#current = undefined;
    });
    this.#current = current;
    return current;
  }
}
