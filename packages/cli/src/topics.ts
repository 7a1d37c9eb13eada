// `shardcast topics`: lists the topics of the cluster, or describes some of them.
import { optionInvalid, texts, whole, type Values } from "@shardcast/options";
import { command } from "./command.ts";
import { JSON_OPTION } from "./json-option.ts";
import { accessOptions, bearerOf, describeNode, requestJson } from "./node-api.ts";
import { printable, printableJson } from "./printable.ts";
import { print, printTable } from "./table.ts";

const PAGE = 1000;
const GRANTS = [{ topics: ["*"], allow: ["subscribe"] }] as const;

const POSITIONALS = {
  topics: texts("topic", { help: "Topics to describe; without arguments, all are listed" }),
};

const OPTIONS = {
  ...accessOptions("api-key"),
  limit: whole("limit", { min: 1, help: "List at most this many topics" }),
  isJson: JSON_OPTION,
};

type TopicsValues = Values<typeof POSITIONALS & typeof OPTIONS>;

export const topicsCommand = command({
  command: "topics [topic..]",
  describe: "List the topics, or show the owner and positions of some",
  positionals: POSITIONALS,
  options: OPTIONS,
  run: async (values) => {
    if (values.topics.length === 0) await listTopics(values);
    else await describeTopics(values);
  },
});

/** A consumer lists the topics that it owns; with Redis, it lists those of all consumers. */
async function listTopics({ limit = Infinity, isJson, ...values }: TopicsValues): Promise<void> {
  const bearer = await bearerOf(values, GRANTS);
  const { consumers } = await describeNode(values.url);
  const listed = new Set<string>();
  for (const { url } of consumers) {
    let after = "";
    do {
      const path = `/topics?limit=${PAGE}&after=${encodeURIComponent(after)}`;
      const page = (await requestJson(url, path, { bearer })) as {
        readonly topics: readonly string[];
        readonly next: string;
      };
      for (const topic of page.topics) {
        if (listed.has(topic)) continue;
        listed.add(topic);
        await print(isJson ? printableJson({ topic }) : printable(topic));
        if (listed.size >= limit) return;
      }
      after = page.next;
    } while (after !== "");
  }
}

async function describeTopics({ topics, limit, isJson, ...values }: TopicsValues): Promise<void> {
  if (limit !== undefined) throw optionInvalid("--limit is for the list of all topics");
  const bearer = await bearerOf(values, GRANTS);
  const { consumers } = await describeNode(values.url);
  const url = consumers[0]?.url ?? values.url;
  const rows: string[][] = [];
  for (const topic of new Set(topics)) {
    const answer = (await requestJson(url, `/topics/${encodeURIComponent(topic)}`, { bearer })) as {
      readonly owner: string;
      readonly oldest: string;
      readonly head: string;
    };
    if (isJson) await print(printableJson(answer));
    else rows.push([answer.owner, answer.oldest, answer.head, topic]);
  }
  await printTable(["OWNER", "OLDEST", "HEAD", "TOPIC"], rows);
}
