// The connections to one destination, nearly always one. A link carries a limited number of topics; a
// topic over the limit uses another connection.
import type { Attendant } from "./attending.ts";
import { Connection, type ConnectionContext, type Destination } from "./connection.ts";
import type { TopicFollower } from "./topic-follower.ts";
import type { Publication } from "./publication.ts";
import type { ReadRequest } from "./reading.ts";

export class ConnectionPool {
  readonly #destination: Destination;
  readonly #context: ConnectionContext;
  /** Carries all publishes, so that they keep their order, and all requests. */
  readonly #first: Connection;
  readonly #further = new Set<Connection>();

  constructor(destination: Destination, context: ConnectionContext) {
    this.#destination = destination;
    this.#context = context;
    this.#first = new Connection(destination, context, () => undefined);
  }

  get opened(): Promise<void> {
    return this.#first.opened;
  }

  /** The nodes with an open link. */
  get nodes(): { readonly node: string; readonly url: string }[] {
    return this.#all.flatMap(({ node }) => node ?? []);
  }

  /** Whether each connection has an open link. */
  get isOpen(): boolean {
    return this.#all.every(({ node }) => node !== undefined);
  }

  send(publication: Publication): void {
    this.#first.sender.put(publication);
  }

  follow(follower: TopicFollower): void {
    const { topic } = follower;
    let connection = this.#all.find(({ following }) => following.hasRoomFor(topic));
    if (connection === undefined) {
      connection = new Connection(this.#destination, this.#context, (unused) =>
        this.#release(unused),
      );
      this.#further.add(connection);
    }
    connection.following.add(follower);
  }

  attend(attendant: Attendant): void {
    this.#first.attending.add(attendant);
  }

  read({ requestOf, onResponse, onLost }: ReadRequest): void {
    this.#first.pages.requests.ask(requestOf, { onResponse, onLost });
  }

  /** Asks the node for its time of day, in ms since 1970. @returns undefined if there is no link */
  askTime(): Promise<number | undefined> {
    return new Promise((resolve) => {
      this.#first.clock.ask((seq) => ({ type: "clock", seq, time: 0 }), {
        onResponse: (response) => resolve(response.type === "clock" ? response.time : undefined),
        onLost: () => resolve(undefined),
      });
    });
  }

  /** Removes and returns everything for topics that now belong elsewhere. */
  take(isWanted: (topic: string) => boolean): {
    readonly publications: Publication[];
    readonly followers: TopicFollower[];
    readonly attendants: Attendant[];
  } {
    const followers = this.#all.flatMap(({ following }) =>
      following.followers.filter(({ topic }) => isWanted(topic)),
    );
    for (const follower of followers) follower.carrier?.remove(follower);
    const { attending, sender } = this.#first;
    const attendants = attending.attendants.filter(({ presenceTopic }) => isWanted(presenceTopic));
    for (const attendant of attendants) attending.remove(attendant, true);
    return { publications: sender.take(isWanted), followers, attendants };
  }

  /** @returns whether all nodes answered */
  async probe(isUrgent: boolean): Promise<boolean> {
    const answers = await Promise.all(this.#all.map((connection) => connection.probe(isUrgent)));
    return answers.every(Boolean);
  }

  close(): void {
    for (const connection of this.#all) connection.close();
  }

  get #all(): Connection[] {
    return [this.#first, ...this.#further];
  }

  #release(connection: Connection): void {
    this.#further.delete(connection);
    connection.close();
  }
}
