// Breaks a consumer: it leaves out the first message of each page that it reads for subscribers
// that are behind.
import { Batch, LmdbLog } from "../../../log/dist/index.js";

const open = LmdbLog.prototype.open;

LmdbLog.prototype.open = function (topic, topicId) {
  const log = open.call(this, topic, topicId);
  const { read } = Object.getPrototypeOf(log);
  log.read = (after, limitBytes) => {
    const page = read.call(log, after, limitBytes);
    if (page === undefined || page.last <= page.first) return page;
    const rest = page.slice(page.first, Infinity);
    // The page claims to be complete.
    return new Batch(page.first, rest.last, rest.shared);
  };
  return log;
};
