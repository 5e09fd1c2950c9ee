import type { JsonObject } from "../../src/core/json.ts";

const WORDS: JsonObject = {
  type: "object",
  properties: { city: { type: "string" } },
  required: ["city"],
  additionalProperties: false,
};
const tool = (name: string, description: string): JsonObject => ({
  type: "function",
  function: { name, description, parameters: WORDS },
});

/**
 * What is asked for each recording, as an OpenAI chat without model and stream: whatever format the backend speaks, the gateway's own translation writes
 * the request. Short, because every token of it is paid for.
 */
export const FEATURES: Readonly<Record<string, JsonObject>> = {
  text: ask("In two sentences: what is a lighthouse?"),
  multibyte: ask("Write the word sea in Japanese, Arabic and Greek, then three emoji of the sea. Nothing else."),
  length: { ...ask("Count from one to fifty in words."), max_tokens: 12 },
  tools: {
    ...ask("What are the weather and the local time in Ulm? Ask both tools at once."),
    tools: [tool("weather", "The weather in a city."), tool("time", "The local time in a city.")],
  },
  structure: {
    ...ask("Name the city with Germany's tallest church."),
    response_format: { type: "json_schema", json_schema: { name: "city", schema: WORDS, strict: true } },
  },
  reasoning: { ...ask("Is 91 a prime number? Answer yes or no."), reasoning_effort: "low", max_tokens: 4_000 },
};

function ask(content: string): JsonObject {
  return { messages: [{ role: "user", content }], max_tokens: 300, stream_options: { include_usage: true } };
}
