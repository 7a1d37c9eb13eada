// @shardcast/switchboard: signed HTTP of a back end to the WebSockets of its users, and back.
//
//   main, options → switchboard                    the process
//   socket-acceptor → conversation                 a user's WebSocket
//     session-seal, client-session, client-frame, confirmed-position
//   down-route → signature (api-auth), accepted-requests   what the back end says
//   up-delivery                                    what it is told
//   cluster, user                                  Shardcast, and the topics in it
//   front-page, web-client, back-end, problem, metrics
//   concierge, concierge-command                   a stand-in for the back end
export { Concierge, type ConciergeOptions, type Postback } from "./concierge.ts";
export { runConcierge } from "./concierge-command.ts";
