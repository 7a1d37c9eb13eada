// Rendering on a server: the hooks open no link.
import { createElement, type ReactElement } from "react";
import { renderToString } from "react-dom/server";
import { indexedDB } from "@shardcast/client/outbox";
import { expect } from "chai";
import {
  ShardcastProvider,
  useConnection,
  usePresence,
  usePublish,
  useTopic,
  useTyping,
} from "../src/index.ts";

const count = (total: number): number => total + 1;

function Chat(): ReactElement {
  const { name } = useConnection();
  const { messages, isLoading, status, value } = useTopic("t", { reduce: count, initial: 0 });
  const { messages: published } = usePublish("t");
  const { members } = usePresence("t", { enter: true });
  const { typing } = useTyping("t");
  const counts = [messages, published, members, typing].map(({ length }) => length);
  const shown = [name, String(isLoading), status, value, ...counts];
  return createElement("p", undefined, shown.join(" "));
}

describe("on a server", () => {
  it("the hooks render without a client, and create none", () => {
    const create = (): never => {
      throw new Error("a client was created");
    };
    for (const client of [undefined, create]) {
      // IndexedDB does not exist here.
      const props = { client, outbox: indexedDB() };
      const page = createElement(ShardcastProvider, props, createElement(Chat));
      expect(renderToString(page)).to.equal("<p>connecting true loading 0 0 0 0 0</p>");
    }
  });

  it("a hook without a provider says what it needs", () => {
    expect(() => renderToString(createElement(Chat))).to.throw("<ShardcastProvider>");
  });
});
