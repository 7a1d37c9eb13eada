// Breaks a consumer: of each page that it reads for those who are behind, it leaves the first message out.
import { Batch, LmdbLog } from "../../../log/dist/index.js";

const open = LmdbLog.prototype.open;

LmdbLog.prototype.open = function (topic, topicId) {
  const log = open.call(this, topic, topicId);
  const { read } = Object.getPrototypeOf(log);
  log.read = (after, limitBytes) => {
    const page = read.call(log, after, limitBytes);
    if (page === undefined || page.last <= page.first) return page;
    const rest = page.slice(page.first, Infinity);
    // It says that it is whole.
    return new Batch(page.first, rest.last, rest.shared);
  };
  return log;
};
