// @shardcast/switchboard: connects the signed HTTP requests of a back end with the WebSockets of its users.
//
//   main, options → switchboard                    the process
//   socket-acceptor → user-conversation            a user's WebSocket
//     session-seal, client-session, client-frame, confirmed-position
//   down-route → signature (api-auth), accepted-requests   messages of the back end
//   up-delivery                                    messages to the back end
//   cluster-client, user                           the Shardcast cluster, and the topics in it
//   front-page, web-client, back-end, http-problem, metrics
//   concierge, concierge-command                   a stand-in for the back end
export { Concierge, type ConciergeOptions, type Postback } from "./concierge.ts";
export { runConcierge } from "./concierge-command.ts";
