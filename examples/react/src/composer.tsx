// The field for a new message. It reports that the user types.
import { useState, type ReactElement, type SubmitEvent } from "react";
import { usePublish, useTyping } from "@shardcast/react";

export function Composer({ topic }: { readonly topic: string }): ReactElement {
  const { publish, messages } = usePublish(topic);
  const { setTyping } = useTyping(topic);
  const [text, setText] = useState("");
  const waiting = messages.filter(({ state }) => state === "queued" || state === "sent").length;

  function submit(event: SubmitEvent): void {
    event.preventDefault();
    if (text.trim() === "") return;
    // The list shows the message at once, with its state.
    void publish(text.trim());
    setText("");
    setTyping(false);
  }

  return (
    <form className="composer" onSubmit={submit}>
      <label>
        <span>Message</span>
        <input
          value={text}
          placeholder={waiting > 0 ? `${waiting} waiting to be sent` : "Write a message"}
          autoComplete="off"
          autoFocus
          onChange={({ target: { value } }) => {
            setText(value);
            setTyping(value !== "");
          }}
          onBlur={() => setTyping(false)}
        />
      </label>
      <button disabled={text.trim() === ""}>Send</button>
    </form>
  );
}
