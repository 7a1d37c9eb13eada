// Whether the other end of a link is still there. A link can be dead at one end and look alive at this one, as after
// a sleep or a change of networks: then nothing comes, and nothing tells so.
//
// Where nothing at all has come for two heartbeats, it is dead. Where something was sent and nothing comes, and where
// the application asks, the node is pinged, and has a short time to say anything.
import type { Runtime } from "./runtime.ts";

/** What a slow line carries at the least: an answer is not late while what was sent before is on its way. */
const SLOW_BYTES_PER_MS = 8;

export interface LivenessOptions {
  readonly runtime: Pick<Runtime, "now" | "after">;
  /** How long a link may be silent. */
  readonly silenceMs: number;
  /** How long a ping may have no answer. It is sent after half of that. */
  readonly probeTimeoutMs: number;
  /** Bytes that have come up to now, those of messages that are not whole as well; 0 where nobody can tell. */
  readonly receivedBytes: () => number;
  /** Bytes that were sent and may be on their way. */
  readonly unansweredBytes: () => number;
  readonly ping: () => void;
  readonly dead: (detail: string) => void;
}

interface Probe {
  readonly answer: Promise<boolean>;
  readonly settle: (isAlive: boolean) => void;
}

export class Liveness {
  readonly #options: LivenessOptions;
  #lastHeard: number;
  /** When a wait began. */
  #receivedBytes = 0;
  /** Of a message that is on its way. */
  #expectedBytes = 0;
  /** When the first was sent that has heard nothing since. */
  #waitingSince: number | undefined;
  #isWatched = false;
  #probe: Probe | undefined;
  #cancelSilence: () => void = () => undefined;
  #cancelWaiting: () => void = () => undefined;

  constructor(options: LivenessOptions) {
    this.#options = options;
    this.#lastHeard = options.runtime.now();
    this.#watchSilence();
  }

  /** Something has come, whatever it is. */
  heard(): void {
    this.#lastHeard = this.#options.runtime.now();
    this.#waitingSince = undefined;
    this.#probe?.settle(true);
    if (this.#expectedBytes === 0) return;
    this.#expectedBytes = 0;
    this.#cancelSilence();
    this.#watchSilence();
  }

  /** Next comes a message of so many bytes, and nothing else before it is whole. */
  expect(bytes: number): void {
    this.#expectedBytes = bytes;
  }

  /** Something was sent that the node answers. */
  sent(): void {
    if (this.#waitingSince !== undefined) return;
    this.#waitingSince = this.#options.runtime.now();
    if (!this.#isWatched) this.#watchWaiting();
  }

  /** Pings the node. @returns whether anything comes in time; where nothing does, the link is dead */
  probe(): Promise<boolean> {
    this.#probe ??= this.#begin();
    return this.#probe.answer;
  }

  stop(): void {
    this.#cancelSilence();
    this.#cancelWaiting();
    this.#probe?.settle(false);
  }

  #begin(): Probe {
    const { runtime, probeTimeoutMs, receivedBytes, unansweredBytes, ping } = this.#options;
    this.#receivedBytes = receivedBytes();
    const limitMs = probeTimeoutMs + (unansweredBytes() + this.#expectedBytes) / SLOW_BYTES_PER_MS;
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
      this.#die(`nothing came for ${silenceMs} ms`);
      return;
    }
    this.#receivedBytes = this.#options.receivedBytes();
    this.#cancelSilence = runtime.after(leftMs(), () => this.#watchSilence());
  }

  /** At most one timer, which runs on from one wait to the next. */
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
    this.#options.dead(detail);
  }

  /** Bytes that come are a sign of life, though no message be whole. */
  #hasProgress(): boolean {
    if (this.#options.receivedBytes() <= this.#receivedBytes) return false;
    this.heard();
    return true;
  }
}
