// What a running cluster has to do for clients outside of it; `docker/test.sh` runs it. It is told where the
// nodes are by SHARDCAST_E2E_PRODUCERS (ws://host:port,…), SHARDCAST_E2E_CONSUMERS (likewise) and PSK.

/* global clearTimeout, fetch, setTimeout */
import assert from "node:assert/strict";
import { randomBytes, randomInt, randomUUID } from "node:crypto";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { connect } from "../packages/client/dist/index.js";

const TOPICS = 30;
const MESSAGES = 10;
const LARGE_BYTES = 1024 * 1024;
const LIMIT_MS = 30_000;

const { SHARDCAST_E2E_PRODUCERS = "", SHARDCAST_E2E_CONSUMERS = "", PSK: psk = "" } = process.env;
const producers = SHARDCAST_E2E_PRODUCERS.split(",");
const consumers = SHARDCAST_E2E_CONSUMERS.split(",");
const nodes = [...producers, ...consumers];

const timer = setTimeout(() => fail(new Error("the checks do not come to an end")), 4 * LIMIT_MS);
for (const check of [isReady, knowsTheRing, refusesAWrongKey, brings, bringsOverOneLink, spreads]) {
  await check().catch(fail);
}
clearTimeout(timer);

async function isReady() {
  for (const url of nodes) await ready(httpOf(url));
  pass(`${producers.length} producers and ${consumers.length} consumers are ready`);
}

async function ready(url) {
  const deadline = Date.now() + LIMIT_MS;
  for (;;) {
    const said = await fetch(`${url}/readyz`)
      .then(async (response) => (response.ok ? undefined : await response.text()))
      .catch((error) => error.message);
    if (said === undefined) return;
    assert.ok(Date.now() < deadline, `${url} is not ready: ${said}`);
    await sleep(100);
  }
}

async function knowsTheRing() {
  const clusters = await Promise.all(consumers.map(clusterOf));
  const ids = clusters.map(({ node }) => node.id).sort();
  assert.equal(new Set(ids).size, consumers.length, `two consumers have one id: ${ids.join(", ")}`);
  for (const url of nodes) {
    const cluster = await clusterOf(url);
    assert.deepEqual(cluster.consumers.map(({ id }) => id).sort(), ids);
  }
  pass("every node knows the whole ring, and every consumer has its own place in it");
}

async function clusterOf(url) {
  const response = await fetch(`${httpOf(url)}/cluster`);
  return response.json();
}

async function refusesAWrongKey() {
  for (const url of nodes) {
    const list = producers.includes(url) ? { producers: [url] } : { consumers: [url] };
    await assert.rejects(
      connect({ ...list, psk: "not the key" }),
      { code: "SHARDCAST_HANDSHAKE_FAILED" },
      `${url} takes a wrong key`,
    );
  }
  pass("every node refuses a wrong key");
}

async function brings() {
  for (const producer of producers) {
    for (const url of consumers) {
      const client = await connect({ producers: [producer], consumers: [url], psk });
      await exchange(client, TOPICS);
      client.close();
    }
  }
  pass("what any producer takes, any consumer brings: once, in order, unmodified");
}

async function bringsOverOneLink() {
  for (const url of consumers) {
    const client = await connect({ url: httpOf(url), route: "single", psk });
    await exchange(client, TOPICS);
    client.close();
  }
  pass("every consumer does the same over a single link");
}

/** Publishes to new topics, and waits until all is back. */
async function exchange(client, topicCount) {
  const topics = Array.from({ length: topicCount }, (_, index) => `check ${index} ${randomUUID()}`);
  await Promise.all(topics.map((topic, index) => exchangeOn(client, topic, index === 0)));
}

async function exchangeOn(client, topic, isLarge) {
  const sizes = [0, ...Array.from({ length: MESSAGES - 2 }, () => randomInt(1, 1000))];
  const payloads = [...sizes, isLarge ? LARGE_BYTES : 1].map((size) => randomBytes(size));
  const received = collect(client.subscribe(topic, { from: "earliest" }), payloads.length);
  await Promise.all(payloads.map((payload) => client.publish(topic, new Uint8Array(payload))));
  const messages = await received;
  assert.deepEqual(
    messages.map(({ offset }) => offset),
    payloads.map((_, index) => index + 1),
  );
  for (const [index, payload] of payloads.entries()) {
    assert.ok(payload.equals(messages[index].bytes), `message ${index + 1} of ${topic} is another`);
  }
}

async function collect(subscription, count) {
  const messages = [];
  for await (const message of subscription) {
    messages.push(message);
    if (messages.length === count) return messages;
  }
  throw new Error(`the subscription ended after ${messages.length} of ${count} messages`);
}

async function spreads() {
  const counts = await Promise.all(consumers.map(ownedTopics));
  assert.ok(Math.min(...counts) > 0, `topics owned: ${counts.join(", ")}`);
  pass(`the topics are spread over the consumers: ${counts.join(", ")}`);
}

async function ownedTopics(url) {
  const text = await (await fetch(`${httpOf(url)}/metrics`)).text();
  return Number(/^shardcast_topics_owned\{.*\} (\d+)$/m.exec(text)?.[1]);
}

function httpOf(url) {
  return url.replace(/^ws/, "http");
}

function pass(text) {
  process.stdout.write(`    - ${text}\n`);
}

function fail(error) {
  process.stdout.write(`    - ${error.stack}\n`);
  process.exit(1);
}
