// Publishes and follows a topic over HTTP, with nothing but fetch: no SDK and no WebSocket.
//
// Start a cluster with `npm start`. In a second terminal:
//   export TOKEN=$(npx shardcast token --sub ann --allow "publish,subscribe,history:chat/*")
//   node examples/http.js
const [producer = "http://127.0.0.1:9000", consumer = "http://127.0.0.1:9100"] =
  process.argv.slice(2);
const authorization = `Bearer ${process.env.TOKEN}`;
const topic = encodeURIComponent("chat/1");

// With the same Idempotency-Key, the request can be repeated: the message is stored once.
const answer = await fetch(`${producer}/produce/${topic}`, {
  method: "POST",
  headers: { authorization, "content-type": "text/plain", "idempotency-key": crypto.randomUUID() },
  body: "hello",
});
if (!answer.ok) throw new Error(`${answer.status}: ${await answer.text()}`);
const { position } = await answer.json();
console.log("stored at", position);

// A topic is a stream of server-sent events. Each one ends with an empty line.
const stream = await fetch(`${consumer}/subscribe/${topic}?from=last:10`, {
  headers: { authorization },
});
if (!stream.ok || !stream.body) throw new Error(`${stream.status}: ${await stream.text()}`);
let text = "";
for await (const bytes of stream.body.pipeThrough(new TextDecoderStream())) {
  text += bytes;
  const events = text.split("\n\n");
  text = events.pop() ?? "";
  // The first event has an id and no data.
  const data = events.flatMap((event) => /^data: (.*)$/m.exec(event)?.[1] ?? []);
  const messages = data.map((line) => JSON.parse(line));
  for (const message of messages) console.log(message.position, message.payload);
  if (messages.some((message) => message.position === position)) break;
}
