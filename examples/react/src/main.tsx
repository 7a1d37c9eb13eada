// A chat for the user that the page's address names: /?user=ann
import { StrictMode, type ReactElement } from "react";
import { createRoot } from "react-dom/client";
import { createClient, type Client } from "@shardcast/client";
import { indexedDB } from "@shardcast/client/outbox";
import { ShardcastProvider } from "@shardcast/react";
import { Chat } from "./chat.tsx";

const address = new URLSearchParams(location.search);
const user = address.get("user") ?? "";
const url = address.get("url") ?? "http://127.0.0.1:9100";

// What is published stays on this device until a node has stored it. One outbox for each user.
const outbox = indexedDB(`chat-of-${user}`);

function connect(): Client {
  // The client asks for a new token before the last one expires.
  const getToken = async (): Promise<string> =>
    (await fetch(`/token?user=${encodeURIComponent(user)}`)).text();
  return createClient({ url, route: "single", getToken });
}

function SignIn(): ReactElement {
  return (
    <form className="sign-in">
      <h1>Shardcast chat</h1>
      <label htmlFor="user">Your name</label>
      <input id="user" name="user" required maxLength={30} autoComplete="off" autoFocus />
      <button>Join</button>
    </form>
  );
}

createRoot(document.body).render(
  <StrictMode>
    {user === "" ? (
      <SignIn />
    ) : (
      <ShardcastProvider client={connect} outbox={outbox}>
        <Chat topic="chat/react" user={user} />
      </ShardcastProvider>
    )}
  </StrictMode>,
);
