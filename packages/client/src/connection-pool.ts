// The connections to one place: nearly always one. A link carries one subscription of a topic, and only so
// many topics; a second subscription of the same topic, or a topic too many, takes a further connection.
import type { Attendant } from "./attending.ts";
import { Connection, type ConnectionContext, type Place } from "./connection.ts";
import type { Follower } from "./follower.ts";
import type { Publication } from "./publication.ts";

export class ConnectionPool {
  readonly #place: Place;
  readonly #context: ConnectionContext;
  /** Publishes go over the first, so that they keep their order. */
  readonly #first: Connection;
  readonly #further = new Set<Connection>();

  constructor(place: Place, context: ConnectionContext) {
    this.#place = place;
    this.#context = context;
    this.#first = new Connection(place, context, () => undefined);
  }

  get opened(): Promise<void> {
    return this.#first.opened;
  }

  /** The nodes that links are open to. */
  get nodes(): { readonly node: string; readonly url: string }[] {
    return this.#all.flatMap(({ node }) => node ?? []);
  }

  send(publication: Publication): void {
    this.#first.sender.put(publication);
  }

  follow(follower: Follower): void {
    const { topic } = follower;
    let connection = this.#all.find(({ following }) => following.hasRoomFor(topic));
    if (connection === undefined) {
      connection = new Connection(this.#place, this.#context, (unused) => this.#release(unused));
      this.#further.add(connection);
    }
    connection.following.add(follower);
  }

  /** Presence is told and asked over the first, too. */
  attend(attendant: Attendant): void {
    this.#first.attending.add(attendant);
  }

  /** Takes away what belongs elsewhere. */
  take(isWanted: (topic: string) => boolean): {
    readonly publications: Publication[];
    readonly followers: Follower[];
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

  /** @returns whether all nodes have answered */
  async probe(): Promise<boolean> {
    const answers = await Promise.all(this.#all.map((connection) => connection.probe()));
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
