// The bindings for Vue, Svelte and Solid, as docs/user-interfaces.md shows them.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { createRoot } from "solid-js";
import { effectScope, watchSyncEffect } from "vue";
import { createStores } from "../../src/stores/stores.ts";
import type { TopicSnapshot } from "../../src/stores/topic-store.ts";
import { ScriptedNode, closeAll, connectTo, until } from "../support.ts";
import { useStore as useSolidStore } from "./bindings/solid.ts";
import { fromStore } from "./bindings/svelte.ts";
import { useStore as useVueStore } from "./bindings/vue.ts";

type TopicStore = ReturnType<ReturnType<typeof createStores>["topic"]>;

/** Follows a store with each library: gives the text to show, and stops. */
const BINDINGS: Record<string, (store: TopicStore) => { show: () => string; stop: () => void }> = {
  vue: (store) => {
    const scope = effectScope();
    let shown = "";
    scope.run(() => {
      const snapshot = useVueStore(store);
      watchSyncEffect(() => (shown = textOf(snapshot.value)));
    });
    return { show: () => shown, stop: () => scope.stop() };
  },
  svelte: (store) => {
    let shown = "";
    const stop = fromStore(store).subscribe((snapshot) => (shown = textOf(snapshot)));
    return { show: () => shown, stop };
  },
  solid: (store) =>
    createRoot((stop) => {
      const snapshot = useSolidStore(store);
      return { show: () => textOf(snapshot()), stop };
    }),
};

function textOf({ messages }: TopicSnapshot): string {
  return messages.map(({ data }) => data).join(" ");
}

describe("bindings", () => {
  afterEach(closeAll);

  for (const [library, follow] of Object.entries(BINDINGS)) {
    it(`for ${library} follow a store, and release it`, async () => {
      const node = await ScriptedNode.listen();
      const client = await connectTo({ url: node.url, route: "single" });
      node.store("t", "a");
      const { show, stop } = follow(createStores(client).topic("t"));
      await until(() => show() === "a");
      node.store("t", "b");
      await until(() => show() === "a b");
      stop();
      await until(() => node.link.subscriptions.size === 0);
    });

    it(`for ${library} are in the documentation, and take ten lines`, () => {
      const code = readFileSync(join(__dirname, "bindings", `${library}.ts`), "utf8");
      const docs = readFileSync(join("docs", "user-interfaces.md"), "utf8");
      expect(docs).to.include(`\`\`\`ts\n${code}\`\`\``);
      expect(code.trim().split("\n").length).to.be.at.most(11);
    });
  }
});
