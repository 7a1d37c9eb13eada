// The messages of the topic, and those that are not stored yet.
import type { ReactElement } from "react";
import { usePublish, useTopic, type TopicMessage } from "@shardcast/react";
import { Avatar } from "./avatar.tsx";
import type { RoomProps } from "./chat.tsx";

/** At less than this distance from the oldest message, in pixels, older ones are loaded. */
const NEAR_TOP_PX = 80;
/** Messages of one user within this time, in ms, are shown as a group. */
const GROUP_MS = 300_000;

export function Messages({ topic, user }: RoomProps): ReactElement {
  const { messages, hasOlder, loadOlder, isLoading, error } = useTopic(topic, { history: 30 });
  return (
    <div
      className="messages"
      role="log"
      aria-label="Messages"
      tabIndex={0}
      onScroll={({ currentTarget: { scrollTop, scrollHeight, clientHeight } }) => {
        // The list begins at its end, so `scrollTop` is negative.
        if (hasOlder && scrollHeight - clientHeight + scrollTop < NEAR_TOP_PX) void loadOlder();
      }}
    >
      <div>
        {hasOlder && (
          <button className="older" disabled={isLoading} onClick={() => void loadOlder()}>
            Load older messages
          </button>
        )}
        {error !== undefined && <p className="notice">{error.message}</p>}
        {messages.length === 0 && (
          <p className="notice">{isLoading ? "Loading…" : "No messages yet. Say hello!"}</p>
        )}
        <ol>
          {messages.map((message, index) => (
            <Line
              key={message.key}
              message={message}
              isOwn={message.user === user}
              isFirst={!isSameGroup(messages[index - 1], message)}
            />
          ))}
        </ol>
      </div>
    </div>
  );
}

interface LineProps {
  readonly message: TopicMessage;
  readonly isOwn: boolean;
  /** Whether it is the first of its group. */
  readonly isFirst: boolean;
}

function Line({ message, isOwn, isFirst }: LineProps): ReactElement {
  const { user = "", data, time, pending, error } = message;
  const state = error !== undefined ? "failed" : pending ? "pending" : "stored";
  return (
    <li className={`line ${state} ${isOwn ? "own" : ""} ${isFirst ? "first" : ""}`}>
      {isFirst && !isOwn && (
        <p className="author">
          <Avatar user={user} /> {user}
        </p>
      )}
      <div className="bubble">
        <p>{typeof data === "string" ? data : JSON.stringify(data)}</p>
        {state === "failed" ? (
          <Failed message={message} />
        ) : (
          <small>
            {pending ? (
              "Waiting…"
            ) : (
              <time dateTime={new Date(time).toISOString()}>{clock(time)}</time>
            )}
          </small>
        )}
      </div>
    </li>
  );
}

function Failed({ message: { topic, messageId = "", error } }: Pick<LineProps, "message">) {
  const { retry, dismiss } = usePublish(topic);
  return (
    <p className="failure" role="alert">
      <small>Not sent: {error?.message}</small>
      <button onClick={() => void retry(messageId)}>Send again</button>
      <button onClick={() => dismiss(messageId)}>Discard</button>
    </p>
  );
}

function isSameGroup(previous: TopicMessage | undefined, { user, time }: TopicMessage): boolean {
  return previous?.user === user && time - (previous?.time ?? 0) < GROUP_MS;
}

function clock(time: number): string {
  return new Date(time).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
}
