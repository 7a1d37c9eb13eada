// @shardcast/protocol/websocket: encodes the WebSocket messages of nodes, once for all links. Requires Node.
export { SharedFrames } from "./shared-frames.ts";
export {
  OPCODE_BINARY,
  PIECE_BYTES,
  PING,
  WEBSOCKET_HEADER_BYTES,
  frameMessage,
  frameText,
} from "./websocket-frame.ts";
