/** The official `openai` package's Responses, and the Vercel AI SDK by way of them, unmodified, against the whole stack. */
import { createOpenAI } from "@ai-sdk/openai";
import OpenAI from "openai";
import type { Response, ResponseInput } from "openai/resources/responses/responses";
import { type Client, clientSuite, type Question, type Said, type Tool } from "../support/client-suite.ts";
import { vercel } from "../support/vercel.ts";

clientSuite([
  {
    name: "the openai package",
    of: ({ gateway, apiKey }) => official(new OpenAI({ baseURL: `${gateway}/v1`, apiKey, maxRetries: 0 })),
  },
  {
    name: "the Vercel AI SDK",
    of: ({ gateway, apiKey }) => {
      const openai = createOpenAI({ baseURL: `${gateway}/v1`, apiKey });
      return vercel((model) => openai.responses(model));
    },
  },
]);

function official(openai: OpenAI): Client {
  const asked = ({ model, system, text, image, maxTokens, temperature }: Question) => {
    const shown = { type: "input_image", detail: "auto", image_url: dataUrl(image) } as const;
    const content = [{ type: "input_text" as const, text }, ...(image ? [shown] : [])];
    return {
      model,
      instructions: system,
      input: [{ role: "user" as const, content }],
      max_output_tokens: maxTokens,
      temperature,
    };
  };
  const said = ({ output_text: text, usage }: Response, pieces: number): Said => ({
    text,
    inputTokens: usage?.input_tokens,
    outputTokens: usage?.output_tokens,
    pieces,
  });
  const options = ({ signal }: Question) => (signal ? { signal } : {});
  return {
    countsStreams: true,
    async chat(question) {
      return said(await openai.responses.create(asked(question), options(question)), 1);
    },
    async stream(question, onPiece) {
      const stream = openai.responses.stream(asked(question), options(question));
      let pieces = 0;
      stream.on("response.output_text.delta", () => {
        pieces++;
        onPiece?.();
      });
      return said(await stream.finalResponse(), pieces);
    },
    async useTools(question, tools) {
      const body = {
        ...asked(question),
        tools: functions(tools),
      };
      const first = await openai.responses.stream(body).finalResponse();
      const calls = first.output.filter((item) => item.type === "function_call");
      const results = calls.map(({ call_id, name, arguments: json }) => ({
        type: "function_call_output" as const,
        call_id,
        output: tools.find((tool) => tool.name === name)?.run(JSON.parse(json)) ?? "",
      }));
      // What the model said goes back as it came.
      const input = [...body.input, ...first.output, ...results] as ResponseInput;
      const second = await openai.responses.stream({ ...body, input }).finalResponse();
      return {
        calls: calls.map(({ call_id: id, name, arguments: json }) => ({ id, name, input: JSON.parse(json) })),
        text: second.output_text,
      };
    },
    async structured(question, schema) {
      const format = { type: "json_schema" as const, name: "place", schema, strict: true };
      const { output_text } = await openai.responses.create({ ...asked(question), text: { format } });
      return JSON.parse(output_text);
    },
    complaint: (error) => ({
      status: error instanceof OpenAI.APIError ? error.status : undefined,
      message: error instanceof Error ? error.message : String(error),
      ownClass: error instanceof OpenAI.APIError,
    }),
  };
}

const dataUrl = (image: Uint8Array = new Uint8Array()) =>
  `data:image/png;base64,${Buffer.from(image).toString("base64")}`;

const functions = (tools: readonly Tool[]) =>
  tools.map(({ name, description, schema }) => ({
    type: "function" as const,
    name,
    description,
    parameters: { ...schema },
    strict: true,
  }));
