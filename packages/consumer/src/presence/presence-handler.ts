// Handles presence frames: checks each request, and answers it once.
import {
  PRESENCE_PAGE_MAX_COUNT,
  ShardcastError,
  memberFault,
  presenceTopicFault,
  type EnterFrame,
  type ErrorCode,
  type Frame,
  type LeaveFrame,
  type PresenceFrame,
} from "@shardcast/protocol";
import type { FrameSink, LinkAccess } from "@shardcast/server";
import type { PresenceDesk } from "./presence-desk.ts";

export class PresenceHandler {
  readonly #desk: PresenceDesk;
  readonly #window: number;
  /** The number of requests without an answer, by link. */
  readonly #asked = new Map<FrameSink, number>();

  /** @param window the most requests of one link that may be without an answer */
  constructor(desk: PresenceDesk, window: number) {
    this.#desk = desk;
    this.#window = window;
  }

  received(sink: FrameSink, frame: EnterFrame | LeaveFrame | PresenceFrame): void {
    switch (frame.type) {
      case "leave":
        this.#desk.leave(sink, ownMember(sink, frame));
        return;
      case "enter": {
        const { seq, topic } = frame;
        const member = ownMember(sink, frame);
        const rules = memberFault(member) ? "SHARDCAST_MEMBER_INVALID" : presenceTopicFault(topic);
        const fault = rules ?? userFault(sink, frame) ?? sink.access?.presenceFault(topic);
        this.#answer(sink, seq, fault, async () => {
          await this.#desk.enter(sink, member);
          return { type: "entered", seq };
        });
        return;
      }
      case "presence": {
        const { seq, topic, after } = frame;
        const limit = Math.min(frame.limit, PRESENCE_PAGE_MAX_COUNT);
        const fault = presenceTopicFault(topic) ?? sink.access?.presenceFault(topic);
        this.#answer(sink, seq, fault, async () => {
          return { ...(await this.#desk.page(topic, after, limit)), type: "present", seq };
        });
        return;
      }
    }
  }

  /** Removes the link's members from topics on which it may no longer be present. */
  permitted(sink: FrameSink, access: LinkAccess): void {
    this.#desk.retain(sink, (topic) => access.presenceFault(topic) === undefined);
  }

  closed(sink: FrameSink): void {
    this.#asked.delete(sink);
    this.#desk.closed(sink);
  }

  #answer(
    sink: FrameSink,
    seq: number,
    fault: ErrorCode | undefined,
    ask: () => Promise<Frame>,
  ): void {
    const asked = this.#asked.get(sink) ?? 0;
    const refusal = asked >= this.#window ? "SHARDCAST_WINDOW_FULL" : fault;
    if (refusal !== undefined) {
      sink.send({ type: "reject", seq, code: refusal, reason: "" });
      return;
    }
    this.#asked.set(sink, asked + 1);
    const done = (frame: Frame): void => {
      const left = (this.#asked.get(sink) ?? 1) - 1;
      if (left > 0) this.#asked.set(sink, left);
      else this.#asked.delete(sink);
      sink.send(frame);
    };
    ask().then(done, (error: unknown) => {
      const code = error instanceof ShardcastError ? error.code : "SHARDCAST_INTERNAL";
      done({ type: "reject", seq, code, reason: "" });
    });
  }
}

/** Sets the user of a frame to the token's user, on a link that has a token. */
function ownMember<Named extends EnterFrame | LeaveFrame>(sink: FrameSink, frame: Named): Named {
  return sink.access === undefined ? frame : { ...frame, user: sink.access.user };
}

function userFault({ access }: FrameSink, { user }: EnterFrame): ErrorCode | undefined {
  const isOther = access !== undefined && user !== "" && user !== access.user;
  return isOther ? "SHARDCAST_FORBIDDEN" : undefined;
}
