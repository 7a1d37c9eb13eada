// `shardcast status`: asks every known node whether it is ready.
import { texts, type Values } from "@shardcast/options";
import { ShardcastError } from "@shardcast/protocol";
import { command } from "./command.ts";
import { JSON_OPTION } from "./json-option.ts";
import { NODE_API_OPTIONS, describeNode, requestJson, httpAddress } from "./node-api.ts";
import { printableJson } from "./printable.ts";
import { print, printTable } from "./table.ts";

const POSITIONALS = {
  nodes: texts("node", { help: "URLs of more nodes to ask, such as producers" }),
};

const OPTIONS = { ...NODE_API_OPTIONS, isJson: JSON_OPTION };

interface NodeStatus {
  readonly url: string;
  /** Empty if the node does not answer and its id is unknown. */
  readonly id: string;
  readonly role: string;
  readonly status: "ready" | "waiting" | "unreachable";
  readonly waitingFor: readonly string[];
  readonly degraded: readonly string[];
  readonly error?: string;
}

export const statusCommand = command({
  command: "status [node..]",
  describe: "Show whether each node is ready; exit with 1 if one is not",
  positionals: POSITIONALS,
  options: OPTIONS,
  run: status,
});

async function status(values: Values<typeof POSITIONALS & typeof OPTIONS>): Promise<void> {
  const { consumers } = await describeNode(values.url);
  // By address, with the ids by which the cluster lists the consumers.
  const ids = new Map(consumers.map(({ id, url }) => [url, id]));
  const others = [values.url, ...values.nodes].map(httpAddress).filter((url) => !ids.has(url));
  const urls = new Set([...ids.keys(), ...others]);
  const asked = await Promise.all([...urls].map((url) => statusOf(url, ids.get(url))));
  const statuses = asked.filter(
    // A node may have another address in the list than the one that it was reached at.
    ({ id, url }) => ids.has(url) || !asked.some((other) => ids.has(other.url) && other.id === id),
  );
  if (statuses.some((node) => node.status !== "ready")) process.exitCode = 1;
  if (values.isJson) {
    for (const node of statuses) await print(printableJson(node));
    return;
  }
  const rows = statuses.map((node) => [
    node.id,
    node.role,
    node.url,
    node.status,
    [...node.waitingFor, ...node.degraded, node.error ?? ""].join(" "),
  ]);
  await printTable(["NODE", "ROLE", "URL", "STATUS", "DETAIL"], rows);
}

async function statusOf(url: string, listedId: string | undefined): Promise<NodeStatus> {
  try {
    const { id, role } = await describeNode(url);
    const { status, waitingFor, degraded } = (await requestJson(url, "/readyz", {
      accepted: 503,
    })) as { status: "ready" | "waiting"; waitingFor: string[]; degraded?: string[] };
    return { url, id, role, status, waitingFor, degraded: degraded ?? [] };
  } catch (error) {
    if (!(error instanceof ShardcastError)) throw error;
    const role = listedId === undefined ? "" : "consumer";
    const lists = { waitingFor: [], degraded: [] };
    return { url, id: listedId ?? "", role, status: "unreachable", ...lists, error: error.code };
  }
}
