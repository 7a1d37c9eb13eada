// Breaks a consumer: it stores a repeat like any other message.
import { DedupeWindow } from "../../../consumer/dist/owner/dedupe-window.js";

if (typeof DedupeWindow.prototype.claim !== "function")
  throw new Error("there is nothing to break");
DedupeWindow.prototype.claim = () => undefined;
