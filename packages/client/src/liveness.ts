// Detects dead links. After a sleep or a change of networks a link can be dead although it looks open: nothing
// arrives, and no event reports it.
//
// A link is dead when nothing has arrived for two heartbeat intervals. When the client has sent something and nothing
// arrives, or when the application asks, the node is pinged and must send something within a short time.
import type { Runtime } from "./runtime.ts";

/** Assumed speed of a slow line, in bytes per ms. An answer is not late while earlier bytes are still on their way. */
const SLOW_BYTES_PER_MS = 8;

export interface LivenessOptions {
  readonly runtime: Pick<Runtime, "now" | "after">;
  /** How long a link may be silent, in ms. */
  readonly silenceMs: number;
  /** How long the node may take to answer a ping, in ms. The ping is sent after half of this time. */
  readonly probeTimeoutMs: number;
  /** The same for a ping because of a wake or a change of networks, where the link is probably dead. */
  readonly urgentTimeoutMs: number;
  /** Number of bytes received so far, including incomplete messages; 0 if the platform does not report it. */
  readonly receivedBytes: () => number;
  /** Number of bytes that were sent and may still be on their way. */
  readonly unansweredBytes: () => number;
  readonly ping: () => void;
  readonly onDead: (detail: string) => void;
}

interface PendingProbe {
  readonly answer: Promise<boolean>;
  readonly settle: (isAlive: boolean) => void;
}

export class Liveness {
  readonly #options: LivenessOptions;
  #lastHeard: number;
  /** Value of `receivedBytes()` when the current wait began. */
  #receivedBytes = 0;
  /** Size of a large message that is on its way. */
  #expectedBytes = 0;
  /** When the first frame was sent since anything last arrived. */
  #waitingSince: number | undefined;
  #isWatched = false;
  #probe: PendingProbe | undefined;
  #cancelSilence: () => void = () => undefined;
  #cancelWaiting: () => void = () => undefined;

  constructor(options: LivenessOptions) {
    this.#options = options;
    this.#lastHeard = options.runtime.now();
    this.#watchSilence();
  }

  /** Something arrived. */
  heard(): void {
    this.#lastHeard = this.#options.runtime.now();
    this.#waitingSince = undefined;
    this.#probe?.settle(true);
    if (this.#expectedBytes === 0) return;
    this.#expectedBytes = 0;
    this.#cancelSilence();
    this.#watchSilence();
  }

  /** The node announced a message of this size. Nothing else arrives before it is complete. */
  expect(bytes: number): void {
    this.#expectedBytes = bytes;
  }

  /** A frame was sent that the node answers. */
  sent(): void {
    if (this.#waitingSince !== undefined) return;
    this.#waitingSince = this.#options.runtime.now();
    if (!this.#isWatched) this.#watchWaiting();
  }

  /**
   * Pings the node. If nothing arrives in time, the link is dead.
   * @param isUrgent whether the link is probably dead
   * @returns whether anything arrived in time
   */
  probe(isUrgent = false): Promise<boolean> {
    const { probeTimeoutMs, urgentTimeoutMs } = this.#options;
    this.#probe ??= this.#begin(isUrgent ? urgentTimeoutMs : probeTimeoutMs);
    return this.#probe.answer;
  }

  stop(): void {
    this.#cancelSilence();
    this.#cancelWaiting();
    this.#probe?.settle(false);
  }

  #begin(timeoutMs: number): PendingProbe {
    const { runtime, receivedBytes, unansweredBytes, ping } = this.#options;
    this.#receivedBytes = receivedBytes();
    const limitMs = timeoutMs + (unansweredBytes() + this.#expectedBytes) / SLOW_BYTES_PER_MS;
    let resolve: (isAlive: boolean) => void = () => undefined;
    const answer = new Promise<boolean>((resolveIt) => {
      resolve = resolveIt;
    });
    const cancel = runtime.after(limitMs, () => {
      if (this.#hasProgress()) return;
      this.#die(`no answer to a ping within ${Math.round(limitMs)} ms`);
    });
    const settle = (isAlive: boolean): void => {
      cancel();
      this.#probe = undefined;
      resolve(isAlive);
    };
    ping();
    return { answer, settle };
  }

  #watchSilence(): void {
    const { runtime, silenceMs } = this.#options;
    const leftMs = (): number =>
      this.#lastHeard + silenceMs + this.#expectedBytes / SLOW_BYTES_PER_MS - runtime.now();
    if (leftMs() <= 0 && !this.#hasProgress()) {
      this.#die(`nothing was received for ${silenceMs} ms`);
      return;
    }
    this.#receivedBytes = this.#options.receivedBytes();
    this.#cancelSilence = runtime.after(leftMs(), () => this.#watchSilence());
  }

  /** Uses at most one timer, which continues from one wait to the next. */
  #watchWaiting(): void {
    const { runtime, probeTimeoutMs } = this.#options;
    this.#isWatched = this.#waitingSince !== undefined;
    if (this.#waitingSince === undefined) return;
    const leftMs = this.#waitingSince + probeTimeoutMs / 2 - runtime.now();
    if (leftMs <= 0) {
      this.#waitingSince = undefined;
      this.#isWatched = false;
      void this.probe();
    } else this.#cancelWaiting = runtime.after(leftMs, () => this.#watchWaiting());
  }

  #die(detail: string): void {
    this.stop();
    this.#options.onDead(detail);
  }

  /** Received bytes prove that the link is alive, even if no message is complete. */
  #hasProgress(): boolean {
    if (this.#options.receivedBytes() <= this.#receivedBytes) return false;
    this.heard();
    return true;
  }
}
