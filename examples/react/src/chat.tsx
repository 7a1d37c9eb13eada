// The page: the state of the connection, the people in the room, the messages, and the field for a new one.
import type { ReactElement } from "react";
import { useConnection, usePresence, useTyping } from "@shardcast/react";
import { Avatar } from "./avatar.tsx";
import { Composer } from "./composer.tsx";
import { Messages } from "./messages.tsx";

export interface RoomProps {
  readonly topic: string;
  readonly user: string;
}

export function Chat({ topic, user }: RoomProps): ReactElement {
  return (
    <div className="chat">
      <header>
        <h1>Shardcast chat</h1>
        <Connection />
      </header>
      <People topic={topic} user={user} />
      <main>
        <Messages topic={topic} user={user} />
        <Typing topic={topic} />
        <Composer topic={topic} />
      </main>
    </div>
  );
}

const CONNECTION_TEXTS = {
  connecting: "Connecting",
  open: "Connected",
  offline: "Offline, reconnecting",
  closed: "Disconnected",
} as const;

function Connection(): ReactElement {
  const { name, reason } = useConnection();
  return (
    <p className={`connection ${name}`} role="status" title={reason?.message}>
      {CONNECTION_TEXTS[name]}
    </p>
  );
}

function People({ topic, user: own }: RoomProps): ReactElement {
  const { members } = usePresence(topic, { enter: true });
  const { typing } = useTyping(topic);
  // A user with several windows is several members.
  const users = [...new Set(members.map(({ user }) => user))].sort();
  return (
    <aside>
      <h2>
        In the room <span>{users.length}</span>
      </h2>
      <ul>
        {users.map((user) => (
          <li key={user}>
            <Avatar user={user} />
            <span>
              {user}
              {user === own && <small> you</small>}
              {typing.includes(user) && <small className="typing"> typing…</small>}
            </span>
          </li>
        ))}
      </ul>
    </aside>
  );
}

function Typing({ topic }: { readonly topic: string }): ReactElement {
  const { typing } = useTyping(topic);
  const names = new Intl.ListFormat("en").format(typing);
  return (
    <p className="typing" aria-live="polite">
      {typing.length > 0 && `${names} ${typing.length === 1 ? "is" : "are"} typing…`}
    </p>
  );
}
