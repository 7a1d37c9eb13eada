// Breaks a consumer: it acks a message before the message is on disk.
import { setTimeout } from "node:timers";
import { Store } from "../../../log/dist/store.js";

const LATER_MS = 300;
const commit = Store.prototype.commit;

Store.prototype.commit = function () {
  setTimeout(() => void commit.call(this), LATER_MS);
  return Promise.resolve();
};
