import { APICallError, generateText, isStepCount, jsonSchema, type LanguageModel, Output, streamText, tool } from "ai";
import type { Client, Question, Tool } from "./client-suite.ts";

/** The Vercel AI SDK as a client, by way of a provider's models. */
export function vercel(modelOf: (name: string) => LanguageModel): Client {
  const settings = ({ model, system, text, image, maxTokens, temperature, signal }: Question) => ({
    model: modelOf(model),
    instructions: system,
    messages: [
      {
        role: "user" as const,
        content: [
          { type: "text" as const, text },
          ...(image ? [{ type: "file" as const, mediaType: "image/png", data: image }] : []),
        ],
      },
    ],
    maxOutputTokens: maxTokens,
    temperature,
    maxRetries: 0,
    ...(signal && { abortSignal: signal }),
  });
  return {
    countsStreams: true,
    async chat(question) {
      const { text, usage } = await generateText(settings(question));
      return { text, inputTokens: usage.inputTokens, outputTokens: usage.outputTokens, pieces: 1 };
    },
    async stream(question, onPiece) {
      const watch = watchErrors();
      const result = streamText({ ...settings(question), ...watch });
      let text = "";
      let pieces = 0;
      for await (const piece of result.textStream) {
        text += piece;
        pieces++;
        onPiece?.();
      }
      watch.rethrow();
      const usage = await result.usage;
      return { text, inputTokens: usage.inputTokens, outputTokens: usage.outputTokens, pieces };
    },
    async useTools(question, tools) {
      const watch = watchErrors();
      const result = streamText({ ...settings(question), tools: toolSet(tools), stopWhen: isStepCount(2), ...watch });
      await result.consumeStream();
      watch.rethrow();
      const [first, second] = await result.steps;
      const calls = (first?.toolCalls ?? []).map(({ toolCallId, toolName, input }) => ({
        id: toolCallId,
        name: toolName,
        input,
      }));
      return { calls, text: second?.text ?? "" };
    },
    async structured(question, schema) {
      const output = Output.object({ schema: jsonSchema(schema) });
      return (await generateText({ ...settings(question), output })).output;
    },
    complaint: (error) => ({
      status: APICallError.isInstance(error) ? error.statusCode : undefined,
      message: error instanceof Error ? error.message : String(error),
      ownClass: APICallError.isInstance(error),
    }),
  };
}

/** The package tells a stream's errors to a callback, and throws none of them. */
function watchErrors() {
  const errors: unknown[] = [];
  return {
    onError: ({ error }: { readonly error: unknown }) => void errors.push(error),
    rethrow: () => {
      if (errors.length > 0) throw errors[0];
    },
  };
}

const toolSet = (tools: readonly Tool[]) =>
  Object.fromEntries(
    tools.map(({ name, description, schema, run }) => [
      name,
      tool({ description, inputSchema: jsonSchema(schema), execute: async (input) => run(input) }),
    ]),
  );
