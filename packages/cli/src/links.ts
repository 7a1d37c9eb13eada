// `shardcast links`: lists the clients that are connected to the consumers, or ends some of their links.
// docs/http.md#administrators
import { onOff, optionInvalid, text, type Values } from "@shardcast/options";
import { command } from "./command.ts";
import { JSON_OPTION } from "./json-option.ts";
import { accessOptions, bearerOf, describeNode, requestJson } from "./node-api.ts";
import { printableJson } from "./printable.ts";
import { print, printTable } from "./table.ts";

const PAGE = 1000;
const READ = [{ topics: ["*"], allow: ["monitor"] }] as const;
const CHANGE = [{ topics: ["*"], allow: ["admin"] }] as const;

const OPTIONS = {
  ...accessOptions("admin-key"),
  user: text("user", { help: "Only the links of this user" }),
  isEnding: onOff("disconnect", {
    help: "End the links of this user, and print how many there were",
  }),
  isJson: JSON_OPTION,
};

type LinksValues = Values<typeof OPTIONS>;

interface Link {
  readonly link: string;
  readonly endpoint: string;
  readonly address: string;
  readonly access: string;
  readonly user?: string;
  readonly congested: boolean;
  readonly subscriptions?: number;
  readonly lag?: number;
  readonly topics?: readonly { readonly topic: string; readonly lag: number }[];
}

export const linksCommand = command({
  command: "links",
  describe: "List the connected clients and how far they are behind, or disconnect a user",
  positionals: {},
  options: OPTIONS,
  run: async (values) => {
    if (values.isEnding) await disconnect(values);
    else await list(values);
  },
});

/** Each consumer lists its own links. */
async function list(values: LinksValues): Promise<void> {
  const bearer = await bearerOf(values, READ);
  const { consumers } = await describeNode(values.url);
  const rows: string[][] = [];
  for (const { id, url } of consumers) {
    for await (const link of linksOf(url, bearer, values.user)) {
      if (values.isJson) await print(printableJson({ node: id, ...link }));
      else rows.push(rowOf(id, link));
    }
  }
  const header = ["NODE", "LINK", "ENDPOINT", "ADDRESS", "USER", "SUBSCRIPTIONS", "LAG", "TOPIC"];
  await printTable(header, rows);
}

async function* linksOf(
  url: string,
  bearer: string,
  user: string | undefined,
): AsyncGenerator<Link, void> {
  let after = "";
  do {
    const query = new URLSearchParams({ limit: String(PAGE), after });
    if (user !== undefined) query.set("user", user);
    const page = (await requestJson(url, `/links?${query.toString()}`, { bearer })) as {
      readonly links: readonly Link[];
      readonly next: string;
    };
    yield* page.links;
    after = page.next;
  } while (after !== "");
}

function rowOf(node: string, link: Link): string[] {
  const { access, user = "", subscriptions = 0, lag = 0, topics = [], congested } = link;
  return [
    node,
    link.link,
    link.endpoint,
    link.address,
    user === "" ? `(${access})` : user,
    String(subscriptions),
    congested ? `${lag} slow` : String(lag),
    topics[0]?.topic ?? "",
  ];
}

async function disconnect(values: LinksValues): Promise<void> {
  const { user } = values;
  if (user === undefined) throw optionInvalid("--disconnect needs --user");
  const bearer = await bearerOf(values, CHANGE);
  const { consumers } = await describeNode(values.url);
  for (const { id, url } of consumers) {
    const answer = (await requestJson(url, "/links/disconnect", { bearer, body: { user } })) as {
      readonly disconnected: number;
    };
    if (values.isJson) await print(printableJson({ node: id, ...answer }));
    else await print(`${id}: ${answer.disconnected}`);
  }
}
