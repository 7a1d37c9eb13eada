// Renders a frame of the back end. All its content is shown as text, never as markup, and only http and https addresses
// are followed or loaded.
/* global URL */

/**
 * @param document creates the elements
 * @param frame the received frame, which may contain anything
 * @param act called with the message of a button that was clicked
 */
export function frameElement(document, frame, act) {
  const element = document.createElement("div");
  element.className = "message theirs";
  switch (frame.type) {
    case "button":
      addText(document, element, frame.body);
      addButtons(document, element, frame.buttons, act);
      break;
    case "image":
      addText(document, element, frame.body);
      addImage(document, element, frame.media_url);
      break;
    case "event":
      element.className = "message note";
      addText(document, element, `event: ${textOf(frame.name)}`);
      break;
    default:
      addText(document, element, frame.body);
  }
  return element;
}

/** Renders a message of the user, or a note of the page. */
export function textElement(document, className, text) {
  const element = document.createElement("div");
  element.className = `message ${className}`;
  addText(document, element, text);
  return element;
}

/** Returns the address if it is an http or https address, otherwise undefined. */
export function safeUrl(value) {
  try {
    const { protocol, href } = new URL(value);
    return protocol === "http:" || protocol === "https:" ? href : undefined;
  } catch {
    return undefined;
  }
}

function addText(document, parent, value) {
  const text = textOf(value);
  if (text === "") return;
  const paragraph = document.createElement("p");
  paragraph.textContent = text;
  parent.append(paragraph);
}

function addButtons(document, parent, buttons, act) {
  if (!Array.isArray(buttons)) return;
  const row = document.createElement("div");
  row.className = "buttons";
  for (const button of buttons) {
    if (typeof button !== "object" || button === null) continue;
    row.append(button.type === "url" ? linkOf(document, button) : buttonOf(document, button, act));
  }
  parent.append(row);
}

function linkOf(document, button) {
  const href = safeUrl(button.url);
  const element = document.createElement(href === undefined ? "span" : "a");
  element.textContent = textOf(button.name ?? button.text ?? button.url);
  if (href !== undefined) {
    element.href = href;
    element.target = "_blank";
    element.rel = "noopener noreferrer";
  }
  return element;
}

function buttonOf(document, button, act) {
  const element = document.createElement("button");
  element.type = "button";
  element.textContent = textOf(button.text);
  const payload = payloadOf(button.payload);
  element.addEventListener("click", () => act({ message: textOf(button.text), payload }));
  return element;
}

function addImage(document, parent, value) {
  const src = safeUrl(value);
  if (src === undefined) {
    addText(document, parent, "an image that cannot be shown");
    return;
  }
  const image = document.createElement("img");
  image.src = src;
  image.alt = "image";
  image.referrerPolicy = "no-referrer";
  parent.append(image);
}

/** A button's payload is JSON text; the message contains the parsed object. */
function payloadOf(value) {
  try {
    const payload = typeof value === "string" ? JSON.parse(value) : value;
    return typeof payload === "object" && payload !== null && !Array.isArray(payload)
      ? payload
      : undefined;
  } catch {
    return undefined;
  }
}

function textOf(value) {
  if (value === undefined || value === null) return "";
  return typeof value === "string" ? value : (JSON.stringify(value) ?? "");
}
