// The page at /client/: one conversation over one WebSocket after another. It resumes with its session and position, and
// sends unanswered messages again with the same id.
/* global URL, WebSocket, crypto, document, localStorage, location, sessionStorage, setTimeout, clearTimeout, performance */
import { frameElement, textElement } from "./frame-view.js";

const BACKOFF_MIN_MS = 500;
const BACKOFF_MAX_MS = 15_000;
const BACKOFF_FACTOR = 1.7;
/** A connection of this duration, in ms, counts as stable. */
const STABLE_MS = 2000;
/** The wait before a message that was refused temporarily is sent again, in ms. */
const RESEND_MS = 2000;

const byId = (id) => document.getElementById(id);
const messages = byId("messages");

/** Unanswered messages by id, in order. */
const waiting = new Map();
let socket;
let retryTimer;
let resendTimer;
let backoffMs = BACKOFF_MIN_MS;
let openedAt = 0;
let server = stored(localStorage, "url") ?? location.host;
// All tabs share one user; each tab has its own position in the conversation.
let session = stored(localStorage, "session");
let position = stored(sessionStorage, "position");

byId("url").value = server;
byId("place").addEventListener("submit", (event) => {
  event.preventDefault();
  server = byId("url").value.trim();
  store(localStorage, "url", server);
  backoffMs = BACKOFF_MIN_MS;
  dial();
});
byId("forget").addEventListener("click", () => {
  keepSession(undefined, undefined);
  waiting.clear();
  messages.replaceChildren();
  dial();
});
byId("say").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = byId("text").value.trim();
  if (text !== "") say({ message: text });
  byId("text").value = "";
});
byId("text").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  byId("say").requestSubmit();
});
byId("rollback").addEventListener("submit", (event) => {
  event.preventDefault();
  const count = byId("steps").valueAsNumber;
  say({ message: "Rollback Request", payload: { type: "rollback", rollback_count: count } });
});
dial();

function dial() {
  clearTimeout(retryTimer);
  // Ignore further events of the previous socket.
  const old = socket;
  socket = undefined;
  old?.close();
  show("connecting", "connecting …");
  let next;
  try {
    next = new WebSocket(addressOf(server));
  } catch {
    show("failed", "this address cannot be used");
    return;
  }
  socket = next;
  next.addEventListener("message", ({ data }) => {
    if (next === socket) receive(data);
  });
  next.addEventListener("close", () => {
    if (next === socket) retry();
  });
}

function retry() {
  socket = undefined;
  if (openedAt > 0 && performance.now() - openedAt > STABLE_MS) backoffMs = BACKOFF_MIN_MS;
  openedAt = 0;
  const waitMs = backoffMs * (0.5 + Math.random() / 2);
  backoffMs = Math.min(BACKOFF_MAX_MS, backoffMs * BACKOFF_FACTOR);
  show("lost", `connection lost; next try in ${Math.ceil(waitMs / 1000)} s`);
  retryTimer = setTimeout(dial, waitMs);
}

function addressOf(text) {
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const isWhole = /^(ws|http)s?:\/\//.test(text);
  const url = new URL(isWhole ? text.replace(/^http/, "ws") : `${scheme}://${text}`);
  if (session !== undefined) url.searchParams.set("session", session);
  if (session !== undefined && position !== undefined) url.searchParams.set("position", position);
  return url.href;
}

function receive(data) {
  let frame;
  try {
    frame = JSON.parse(data);
  } catch {
    return;
  }
  if (typeof frame !== "object" || frame === null) return;
  // Frames of the back end have a user id in `to`; the switchboard's own frames do not.
  if (frame.to !== undefined) {
    add(frameElement(document, frame, say));
    keepPosition(frame.position);
  } else if (frame.type === "session") begin(frame);
  else if (frame.type === "sent") sent(frame.id);
  else if (frame.type === "gap") {
    add(textElement(document, "note", "some messages are no longer kept"));
    keepPosition(frame.position);
  } else if (frame.type === "error") refused(frame);
}

function begin(frame) {
  const isRenewed = openedAt > 0;
  keepSession(frame.session, frame.position);
  if (isRenewed) return;
  openedAt = performance.now();
  show("connected", frame.resumed ? "connected, where it was" : "connected, a new conversation");
  for (const id of waiting.keys()) send(id);
}

function say({ message, payload }) {
  const id = crypto.getRandomValues(new Uint32Array(4)).join("-");
  const element = textElement(document, "mine", message);
  element.dataset.state = "waiting";
  waiting.set(id, { frame: { message, payload, id }, element });
  add(element);
  if (openedAt > 0) send(id);
}

function send(id) {
  const entry = waiting.get(id);
  if (entry !== undefined && socket?.readyState === 1) socket.send(JSON.stringify(entry.frame));
}

function sent(id) {
  const entry = waiting.get(id);
  if (entry === undefined) return;
  entry.element.dataset.state = "sent";
  waiting.delete(id);
}

function refused({ code, reason, id }) {
  const isWrong = String(code).startsWith("SWITCHBOARD_FRAME");
  if (isWrong) {
    add(textElement(document, "note", `refused: ${String(reason)}`));
    waiting.delete(id);
    return;
  }
  clearTimeout(resendTimer);
  resendTimer = setTimeout(() => {
    if (openedAt > 0) for (const each of waiting.keys()) send(each);
  }, RESEND_MS);
}

function keepSession(text, start) {
  session = text;
  position = undefined;
  store(localStorage, "session", text);
  keepPosition(start);
}

function keepPosition(value) {
  if (value !== undefined) position = String(value);
  store(sessionStorage, "position", position);
}

function add(element) {
  const isAtEnd = messages.scrollHeight - messages.scrollTop - messages.clientHeight < 80;
  messages.append(element);
  if (isAtEnd) messages.scrollTop = messages.scrollHeight;
}

function show(state, text) {
  const element = byId("state");
  element.dataset.state = state;
  element.textContent = text;
}

/** A browser may forbid storage. */
function stored(storage, name) {
  try {
    return storage.getItem(`switchboard-${name}`) ?? undefined;
  } catch {
    return undefined;
  }
}

function store(storage, name, value) {
  try {
    if (value === undefined) storage.removeItem(`switchboard-${name}`);
    else storage.setItem(`switchboard-${name}`, value);
  } catch {
    // The value then lasts only as long as the page.
  }
}
