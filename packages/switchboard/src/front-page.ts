// GET /: a page for people and load balancers. It shows that the switchboard runs, and whether the back end answers.

/** @param version the back end's version; undefined if it does not answer */
export function frontPage(version: string | undefined): string {
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <title>Switchboard</title>
  </head>
  <body>
    <h1>Switchboard</h1>
    <p>Concierge Version: ${version === undefined ? "😵 Unavailable 😵" : escapeHtml(version)}</p>
    <p><a href="/client/">Talk to it</a></p>
  </body>
</html>
`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? "");
}
