// WAIT, one at a time on a connection: Redis takes nothing else from a connection that waits, and one WAIT
// covers all that was written before it.

export class ReplicaWait {
  #current: Promise<unknown> | undefined;
  #next: Promise<unknown> | undefined;

  /** Resolves with what a WAIT says that was sent after this call. */
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
