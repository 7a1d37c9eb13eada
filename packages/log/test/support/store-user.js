// A process that opens stores as a node does, reads all records, writes, and drops old ones. A
// damaged store may crash it. Each message to it names a folder; its answer reports the result.
import { Buffer } from "node:buffer";
import process from "node:process";
import { decodeFrames, encodeFrame } from "@shardcast/protocol";
import { SharedFrames } from "@shardcast/protocol/websocket";
import { Batch, IdRecord, LmdbLog, RetentionRules } from "../../dist/index.js";

const MANY = Number.MAX_SAFE_INTEGER;
const AGE_MS = 1_000_000;
const ROUNDS = 8;
const LATER = 10 * AGE_MS;

process.on("message", ({ type, folder, topics, time, epochs }) => {
  const work = type === "make" ? make(folder, topics, time) : use(folder, topics, { time, epochs });
  work.then(
    (answer) => process.send({ type: "served", ...answer }),
    ({ code, message }) => process.send({ type: "refused", code, message }),
  );
});

/** The text of a topic's message at an offset. */
function textOf(topic, offset) {
  return `${topic} has message ${offset} `.repeat(1 + (offset % 3) * 4);
}

function append(log, topic, count, time) {
  const topicLog = log.open(topic, 1);
  const [first, last] = [topicLog.head + 1, topicLog.head + count];
  const frames = [];
  for (let offset = first; offset <= last; offset += 1) {
    const payload = Buffer.from(textOf(topic, offset));
    frames.push(encodeFrame({ type: "message", topicId: 1, offset, time, payload }));
  }
  const ids = new IdRecord();
  const id = Buffer.from(`${topic} ${first}`);
  ids.add(first, id, 0, id.length);
  topicLog.append(Batch.sealed(first, last, SharedFrames.of(Buffer.concat(frames))), ids);
}

function openLog(folder, time) {
  return LmdbLog.open({
    folder,
    nodeId: "c1",
    maxBytes: MANY,
    now: () => time,
    retention: new RetentionRules({ count: MANY, bytes: MANY, ageMs: AGE_MS }),
    ids: { ageMs: AGE_MS, count: MANY },
    tail: { bytes: 0, maxBytes: 0 },
  });
}

function countOf(number) {
  return number % 20 === 0 ? 100 : 2;
}

/** Some topics have values on overflow pages; most share pages with others. */
async function make(folder, topics, time) {
  const log = await openLog(folder, time);
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [number, topic] of topics.entries()) {
      append(log, topic, countOf(number), time);
    }
    await log.state.set([[`key-${round}`, "value ".repeat(100)]]);
    await log.commit();
  }
  const epochs = topics.map((topic) => log.open(topic, 1).epoch);
  await log.close();
  return { messages: topics.reduce((sum, _, number) => sum + ROUNDS * countOf(number), 0), epochs };
}

/** @returns how many messages a new reader accounts for: received, or reported as lost */
async function use(folder, topics, { time, epochs }) {
  const log = await openLog(folder, time);
  try {
    let messages = 0;
    for (const [number, topic] of topics.entries()) {
      const topicLog = log.open(topic, 1);
      const count = readAll(topicLog, topic);
      messages += topicLog.epoch === epochs[number] ? count : ROUNDS * countOf(number);
    }
    await log.state.list("", "", MANY);
    // Frees and reuses page after page.
    for (const later of [time, time + LATER, time + 2 * LATER]) {
      for (const topic of topics) append(log, topic, 3, later);
      await log.state.set([[`key-${later}`, "value ".repeat(900)]]);
      await log.commit();
      for (const topic of topics) log.open(topic, 1).trim(later);
      log.tidy(later);
      await log.commit();
    }
    for (const topic of topics) readAll(log.open(topic, 1), topic);
    return { messages, epochs };
  } finally {
    await log.close();
  }
}

/** @returns the number of messages, including damaged ones */
function readAll(topicLog, topic) {
  let count = 0;
  for (let after = topicLog.oldest - 1; after < topicLog.head;) {
    const page = topicLog.read(after, MANY);
    if (page === undefined) break;
    after = page.last;
    count += page.last - page.first + 1;
    if (!(page instanceof Batch)) continue;
    for (const { offset, payload } of decodeFrames(page.shared.frames)) {
      if (Buffer.from(payload).toString() === textOf(topic, offset)) continue;
      throw Object.assign(new Error(`message ${offset} is altered`), { code: "ALTERED" });
    }
  }
  return count;
}
