// What tabs send each other. All tabs of a group hear the group's channel; each link between a tab and the leader has a
// channel of its own.

/** On the group's channel. */
export type GroupMessage =
  /** A tab opens a link. `tab` is the tab's lock, which is free when the tab has ended. */
  | { readonly type: "dial"; readonly link: string; readonly tab: string }
  /** A tab has become the leader, or accepts links again: dial once more. */
  | { readonly type: "leader" };

/** On a link's channel. */
export type LinkMessage =
  /** The leader accepts the link. `lock` is free when the leader has ended. */
  | { readonly type: "open"; readonly lock: string }
  /** Frames of the protocol. */
  | { readonly type: "frames"; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly type: "close"; readonly code: number; readonly reason: string };

export function linkChannel(group: string, link: string): BroadcastChannel {
  return new BroadcastChannel(`${group}-link-${link}`);
}
