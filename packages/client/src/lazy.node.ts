// Parts of the SDK that a page loads when it uses them. In Node they are loaded with the rest.
import * as directRoute from "./direct-route.ts";
import * as history from "./history.ts";
import * as requestReply from "./request-reply.ts";
import * as topicPresence from "./topic-presence.ts";

export const loadDirectRoute = (): Promise<typeof directRoute> => Promise.resolve(directRoute);

export const loadPresence = (): Promise<typeof topicPresence> => Promise.resolve(topicPresence);

export const loadHistory = (): Promise<typeof history> => Promise.resolve(history);

export const loadRequestReply = (): Promise<typeof requestReply> => Promise.resolve(requestReply);
