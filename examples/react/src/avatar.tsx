import type { ReactElement } from "react";

/** A circle with the user's initial, in a colour that is the same on every device. */
export function Avatar({ user }: { readonly user: string }): ReactElement {
  let hue = 0;
  for (const character of user) hue = (hue * 31 + (character.codePointAt(0) ?? 0)) % 360;
  return (
    <span className="avatar" aria-hidden style={{ backgroundColor: `hsl(${hue} 50% 36%)` }}>
      {user.slice(0, 1).toUpperCase()}
    </span>
  );
}
