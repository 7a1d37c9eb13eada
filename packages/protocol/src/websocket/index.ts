// @shardcast/protocol/websocket: WebSocket messages of nodes, framed once for all links. Needs Node.
export { SharedFrames } from "./shared-frames.ts";
export {
  OPCODE_BINARY,
  PIECE_BYTES,
  PING,
  WEBSOCKET_HEADER_BYTES,
  frameMessage,
  frameText,
} from "./websocket-frame.ts";
