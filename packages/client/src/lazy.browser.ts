// Parts of the SDK that a page loads when it uses them. In Node they are loaded with the rest.
import type * as directRoute from "./direct-route.ts";
import type * as history from "./history.ts";
import type * as requestReply from "./request-reply.ts";
import type * as topicPresence from "./topic-presence.ts";

export const loadDirectRoute = (): Promise<typeof directRoute> => import("./direct-route.ts");

export const loadPresence = (): Promise<typeof topicPresence> => import("./topic-presence.ts");

export const loadHistory = (): Promise<typeof history> => import("./history.ts");

export const loadRequestReply = (): Promise<typeof requestReply> => import("./request-reply.ts");
