// Breaks a consumer: a repeat is stored like any other message.
import { DedupeWindow } from "../../../consumer/dist/dedupe-window.js";

DedupeWindow.prototype.get = () => undefined;
