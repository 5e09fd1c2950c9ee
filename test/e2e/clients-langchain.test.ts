/** LangChain's `ChatOpenAI` and `ChatAnthropic`, unmodified, against the whole stack. */
import { ChatAnthropic } from "@langchain/anthropic";
import { ContextOverflowError } from "@langchain/core/errors";
import {
  type AIMessageChunk,
  HumanMessage,
  SystemMessage,
  ToolMessage,
  type UsageMetadata,
} from "@langchain/core/messages";
import { ChatOpenAI } from "@langchain/openai";
import { type Client, clientSuite, type Question, type Tool } from "../support/client-suite.ts";

type Model = ChatOpenAI | ChatAnthropic;
type Settings = Pick<Question, "model" | "maxTokens" | "temperature">;

clientSuite([
  {
    name: "ChatOpenAI",
    of: ({ gateway, apiKey }) =>
      langchain(
        (settings) =>
          new ChatOpenAI({ ...settings, apiKey, maxRetries: 0, configuration: { baseURL: `${gateway}/v1` } }),
      ),
  },
  {
    name: "ChatAnthropic",
    of: ({ gateway, apiKey }) => ({
      ...langchain((settings) => new ChatAnthropic({ ...settings, apiKey, maxRetries: 0, anthropicApiUrl: gateway })),
      // Of a stream's usage it takes the input from the first event alone, and adds the output of the first and the last.
      countsStreams: false,
    }),
  },
]);

function langchain(construct: (settings: Settings) => Model): Client {
  const modelOf = ({ model, maxTokens, temperature }: Settings) => construct({ model, maxTokens, temperature });
  const messages = ({ system, text, image }: Question) => [
    new SystemMessage(system),
    new HumanMessage({ contentBlocks: [{ type: "text", text }, ...(image ? [png(image)] : [])] }),
  ];
  const signalled = ({ signal }: Question) => (signal ? { signal } : {});
  return {
    countsStreams: true,
    async chat(question) {
      const message = await modelOf(question).invoke(messages(question), signalled(question));
      return { text: message.text, ...usageOf(message), pieces: 1 };
    },
    async stream(question, onPiece) {
      const stream = await modelOf(question).stream(messages(question), signalled(question));
      const { message, pieces } = await gather(stream, onPiece);
      return { text: message.text, ...usageOf(message), pieces };
    },
    async useTools(question, tools) {
      const model = modelOf(question).bindTools(tools.map(offered));
      const { message: asking } = await gather(await model.stream(messages(question)));
      const calls = (asking.tool_calls ?? []).map(({ id = "", name: called, args }) => ({
        id,
        name: called,
        input: args,
      }));
      const results = calls.map(({ id, name: called, input }) => {
        const content = tools.find((one) => one.name === called)?.run(input) ?? "";
        return new ToolMessage({ content, tool_call_id: id });
      });
      const { message: answer } = await gather(await model.stream([...messages(question), asking, ...results]));
      return { calls, text: answer.text };
    },
    structured: (question, schema) =>
      modelOf(question)
        .withStructuredOutput({ title: "answer", ...schema }, { method: "jsonSchema" })
        .invoke(messages(question)),
    complaint: (error) => {
      // It passes on the errors of the providers' packages, those of Anthropic's of a copy of its own, or holds one in an error of its own.
      const { status } = (ContextOverflowError.isInstance(error) ? error.cause : error) as { status?: number };
      return {
        status,
        message: error instanceof Error ? error.message : String(error),
        ownClass: error instanceof Error && status !== undefined,
      };
    },
  };
}

const png = (image: Uint8Array) => ({
  type: "image" as const,
  mimeType: "image/png",
  data: Buffer.from(image).toString("base64"),
});

const offered = ({ name, description, schema }: Tool) => ({
  type: "function" as const,
  function: { name, description, parameters: schema },
});

const usageOf = ({ usage_metadata: usage }: { usage_metadata?: UsageMetadata | undefined }) => ({
  inputTokens: usage?.input_tokens,
  outputTokens: usage?.output_tokens,
});

async function gather(stream: AsyncIterable<AIMessageChunk>, onPiece?: () => void) {
  let message: AIMessageChunk | undefined;
  let pieces = 0;
  for await (const chunk of stream) {
    message = message ? message.concat(chunk) : chunk;
    if (chunk.text === "") continue;
    pieces++;
    onPiece?.();
  }
  if (!message) throw new Error("a stream without a chunk");
  return { message, pieces };
}
