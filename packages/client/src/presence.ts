// Who is on a topic, as an application sees it and takes part in it.
import type { PresenceMember } from "@shardcast/protocol";
import type { Attendee, EnterOptions, PresenceEvents, PresenceNumbers } from "./attendee.ts";

export interface PresenceOptions {
  /**
   * Whether to follow who comes and goes. Without it, this is for entering and for `numbers` alone, and nothing
   * is sent here when others come and go.
   * @default true
   */
  readonly watch?: boolean | undefined;
}

/** A topic's members: their list, and this client's own place on it. */
export class Presence {
  readonly topic: string;
  /** By which this client's own member is told from the others. */
  readonly memberId: string;
  /** Resolves when the list is there for the first time; rejects where it ends before. At once without `watch`. */
  readonly ready: Promise<void>;
  readonly #attendee: Attendee;

  /** For the client, which gives them out. */
  constructor(attendee: Attendee) {
    this.topic = attendee.topic;
    this.memberId = attendee.memberId;
    this.ready = attendee.ready;
    this.#attendee = attendee;
  }

  /** Who is there, this client's own member among them; none without `watch`. */
  get members(): PresenceMember[] {
    return this.#attendee.list.all;
  }

  /** Members that are there. */
  get count(): number {
    return this.#attendee.list.count;
  }

  /** Different users that are there; members that are nobody's do not count. */
  get userCount(): number {
    return this.#attendee.list.userCount;
  }

  /** Adds a listener; the function that it gives takes it away. */
  on<Name extends keyof PresenceEvents>(
    name: Name,
    listener: (value: PresenceEvents[Name]) => void,
  ): () => void {
    return this.#attendee.events.on(name, listener);
  }

  /**
   * Is seen by the others until `leave` or `close`, across reconnects; called again, with another info. Resolves
   * when the topic's owner knows. A client that is lost is seen for the nodes' `--presence-timeout` longer.
   * @throws SHARDCAST_MEMBER_INVALID, SHARDCAST_TOPICS_LIMIT, SHARDCAST_CLOSED
   */
  enter(options: EnterOptions = {}): Promise<void> {
    return this.#attendee.enter(options);
  }

  /** Is seen no more. */
  leave(): void {
    this.#attendee.leave();
  }

  /** Asks how many are there, without following them. @throws SHARDCAST_CLOSED */
  numbers(): Promise<PresenceNumbers> {
    return this.#attendee.numbers();
  }

  /** Leaves, and follows no more. */
  close(): void {
    this.#attendee.end(undefined);
  }
}
