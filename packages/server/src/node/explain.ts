// Tells whether a client may do something, and which rule, claim or limit decides. It asks the same questions as the
// node does for a real request, in the same order, and counts nothing.
import {
  ERRORS,
  ShardcastError,
  followedTopicFault,
  presenceTopicFault,
  shardOf,
  topicFault,
  topicOfPresence,
  type Action,
  type ErrorCode,
} from "@shardcast/protocol";
import type { Gate } from "../access/gate.ts";
import type { LinkAccess } from "../access/link-access.ts";
import type { Membership } from "../cluster/membership.ts";
import type { Sweep } from "../link/sweep.ts";

/** What a client can do with a topic. */
export const TOPIC_ACTIONS = ["publish", "subscribe", "history", "presence"] as const;

type TopicAction = (typeof TOPIC_ACTIONS)[number];

export interface Question {
  /** The client's token; empty for an anonymous client. */
  readonly token?: string | undefined;
  /** Instead of a token: a user who has a link to this node. */
  readonly user?: string | undefined;
  readonly action: TopicAction;
  readonly topic: string;
}

/** One rule, and whether the client passes it. */
interface Check {
  readonly rule: "topic" | "identity" | "permission" | "limit" | "owner";
  readonly passed: boolean;
  /** The error code that the client would get. */
  readonly code?: ErrorCode;
  readonly detail: string;
}

interface Explanation {
  readonly allowed: boolean;
  /** The code of the first check that failed. */
  readonly code?: ErrorCode;
  /** The client's user; absent if it is unknown or anonymous. */
  readonly user?: string;
  /** In the order in which a node makes them. Those of permissions and limits need a client that can be identified. */
  readonly checks: readonly Check[];
  /** The ids of the nodes that the request passes: this node and, if it is another one, the topic's owner. */
  readonly route: readonly string[];
}

/** The node, as far as an explanation uses it. */
export interface Explainer {
  readonly nodeId: string;
  readonly gate: Gate;
  readonly sweep: Sweep;
  readonly membership: Membership;
}

interface Identified {
  readonly check: Check;
  readonly access: LinkAccess | undefined;
}

/** The rule for the topic's name in each action. */
const TOPIC_FAULTS = {
  publish: topicFault,
  subscribe: followedTopicFault,
  history: followedTopicFault,
  presence: presenceTopicFault,
} as const;

/** How many patterns a detail lists. */
const MAX_PATTERNS = 5;

export async function explainRequest(node: Explainer, question: Question): Promise<Explanation> {
  const { topic, action } = question;
  const { check, access } = await identified(node, question);
  const checks = [check, topicCheck(topic, action)];
  if (access !== undefined) {
    checks.push(...permissionChecks(access, action, topic));
    if (action === "publish") checks.push(limitCheck(access));
  }
  checks.push(ownerCheck(node, topic));
  const code = checks.find(({ passed }) => !passed)?.code;
  const owner = node.membership.ownerOf(topic)?.id;
  return {
    allowed: code === undefined,
    ...(code === undefined ? {} : { code }),
    ...(access === undefined || access.user === "" ? {} : { user: access.user }),
    checks,
    route: owner === undefined ? [] : [...new Set([node.nodeId, owner])],
  };
}

function topicCheck(topic: string, action: TopicAction): Check {
  const code = TOPIC_FAULTS[action](topic);
  if (code === undefined) return { rule: "topic", passed: true, detail: "the name is valid" };
  return { rule: "topic", passed: false, code, detail: ERRORS[code].message };
}

async function identified(node: Explainer, question: Question): Promise<Identified> {
  const { gate, sweep } = node;
  const { token = "", user } = question;
  if (user !== undefined) {
    const link = [...sweep.links()].find(({ access }) => access?.user === user);
    if (link === undefined) {
      const detail = "the user has no link to this node: ask with a token, or ask another node";
      return { check: unidentified("SHARDCAST_NOT_FOUND", detail), access: undefined };
    }
    const detail = `the user has the link ${link.id}`;
    return { check: { rule: "identity", passed: true, detail }, access: link.access };
  }
  try {
    const access = gate.visit(await gate.inspect(token), "");
    const { expiresAt } = access;
    const until =
      expiresAt === Infinity ? "" : `, valid until ${new Date(expiresAt).toISOString()}`;
    const detail =
      access.user === "" ? "an anonymous client" : `the token of ${access.user}${until}`;
    return { check: { rule: "identity", passed: true, detail }, access };
  } catch (error) {
    if (!(error instanceof ShardcastError)) throw error;
    return { check: unidentified(error.code, error.message), access: undefined };
  }
}

function unidentified(code: ErrorCode, detail: string): Check {
  return { rule: "identity", passed: false, code, detail };
}

function permissionChecks(access: LinkAccess, action: TopicAction, topic: string): Check[] {
  const watched = topicOfPresence(topic);
  if (watched !== undefined && action !== "publish") {
    return [permissionCheck(access, "presence", watched)];
  }
  const needed: readonly Action[] = action === "history" ? ["subscribe", "history"] : [action];
  return needed.map((one) => permissionCheck(access, one, topic));
}

function permissionCheck({ identity }: LinkAccess, action: Action, topic: string): Check {
  const { permissions, grantedBy } = identity;
  const grant = permissions.grantFor(action, topic);
  if (grant !== undefined) {
    const detail = `${grantedBy}[${grant.index}] allows ${action} on ${grant.pattern}`;
    return { rule: "permission", passed: true, detail };
  }
  const patterns = permissions.patternsOf(action);
  const some = patterns.slice(0, MAX_PATTERNS).join(", ");
  const more = patterns.length > MAX_PATTERNS ? ` and ${patterns.length - MAX_PATTERNS} more` : "";
  const only = patterns.length === 0 ? "on no topic" : `only on ${some}${more}`;
  const detail = `${grantedBy} allows ${action} ${only}`;
  return { rule: "permission", passed: false, code: "SHARDCAST_FORBIDDEN", detail };
}

function limitCheck(access: LinkAccess): Check {
  const code = access.publishLimitFault();
  if (code === undefined) {
    return {
      rule: "limit",
      passed: true,
      detail: "the publishes of the client and its user are within their limits",
    };
  }
  const detail = "the client or its user has published as much as it may at once";
  return { rule: "limit", passed: false, code, detail };
}

function ownerCheck({ membership }: Explainer, topic: string): Check {
  const owner = membership.ownerOf(topic);
  if (owner === undefined) {
    const code = "SHARDCAST_OWNER_UNAVAILABLE";
    return { rule: "owner", passed: false, code, detail: "this node knows no consumer" };
  }
  const detail = `${owner.id} owns the topic, which is in shard ${shardOf(topic)}`;
  return { rule: "owner", passed: true, detail };
}
