// Typed topics for the spec of `shardcast asyncapi`, which imports this file in a process of its own.
import { defineTopics } from "@shardcast/client/topics";
import { toJsonSchema } from "@valibot/to-json-schema";
import { type } from "arktype";
import * as v from "valibot";
import { z } from "zod";

const comment = z.object({
  text: z.string().email(),
  get replies() {
    return z.array(comment);
  },
});
const valibot = v.object({ text: v.string() });

export const topics = defineTopics({
  "chat/:room/by/:user": {
    data: z.object({ text: z.string(), at: z.tuple([z.string(), z.number()]) }),
    description: "Messages of a room",
  },
  comments: { data: comment },
  text: { data: z.string() },
});

export const others = defineTopics({
  arktype: { data: type({ text: "string" }) },
  valibot: { data: valibot, jsonSchema: toJsonSchema(valibot) },
});
