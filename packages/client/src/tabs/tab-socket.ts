// A link from a tab to the leader, as far as the SDK uses a WebSocket.
import { onceFree } from "./locks.ts";
import { linkChannel, type GroupMessage, type LinkMessage } from "./tab-messages.ts";
import { randomId } from "../random-id.ts";

export interface TabSocketContext {
  readonly group: string;
  /** The group's channel. */
  readonly channel: BroadcastChannel;
  /** The tab's lock. */
  readonly tab: string;
}

interface CloseDetails {
  readonly code: number;
  readonly reason: string;
  readonly wasClean: boolean;
}

const LOST: CloseDetails = { code: 1006, reason: "", wasClean: false };

export class TabSocket {
  binaryType = "arraybuffer";
  onmessage: ((event: { readonly data: ArrayBuffer }) => void) | null = null;
  onclose: ((event: CloseDetails) => void) | null = null;
  onerror: ((event: object) => void) | null = null;
  readonly #link = randomId();
  readonly #channel: BroadcastChannel;
  readonly #stopDialling: () => void;
  #stopWatching: () => void = () => undefined;
  #isClosed = false;

  constructor({ group, channel, tab }: TabSocketContext) {
    this.#channel = linkChannel(group, this.#link);
    this.#channel.onmessage = ({ data }: MessageEvent<LinkMessage>) => this.#received(data);
    const dial = (): void => {
      channel.postMessage({ type: "dial", link: this.#link, tab } satisfies GroupMessage);
    };
    const heard = ({ data }: MessageEvent<GroupMessage>): void => {
      if (data.type === "leader") dial();
    };
    channel.addEventListener("message", heard);
    this.#stopDialling = () => channel.removeEventListener("message", heard);
    dial();
  }

  send(bytes: Uint8Array<ArrayBuffer>): void {
    if (!this.#isClosed) this.#post({ type: "frames", bytes });
  }

  close(code = 1000, reason = ""): void {
    if (this.#isClosed) return;
    this.#post({ type: "close", code, reason });
    this.#end({ code, reason, wasClean: true });
  }

  #received(message: LinkMessage): void {
    if (this.#isClosed) return;
    switch (message.type) {
      case "open":
        this.#stopDialling();
        this.#stopWatching = onceFree(message.lock, () => this.#end(LOST));
        return;
      case "frames": {
        const { buffer, byteOffset, byteLength } = message.bytes;
        this.onmessage?.({ data: buffer.slice(byteOffset, byteOffset + byteLength) });
        return;
      }
      case "close":
        this.#end({ ...message, wasClean: true });
    }
  }

  #post(message: LinkMessage): void {
    this.#channel.postMessage(message);
  }

  #end({ code, reason, wasClean }: CloseDetails): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#stopDialling();
    this.#stopWatching();
    this.#channel.close();
    this.onclose?.({ code, reason, wasClean });
  }
}
