/** The official `openai` package's Responses, and the Vercel AI SDK by way of them, unmodified, against the whole stack. */
import { createOpenAI } from "@ai-sdk/openai";
import OpenAI from "openai";
import type { Response, ResponseInput } from "openai/resources/responses/responses";
import { beforeAll, describe, expect, test } from "vitest";
import {
  type Client,
  type ClientOf,
  clientSuite,
  FORMATS,
  type Question,
  receivedChats,
  type Said,
  type Tool,
} from "../support/client-suite.ts";
import { prompt } from "../support/received.ts";
import { vercel } from "../support/vercel.ts";

const CLIENTS: readonly ClientOf[] = [
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
];

clientSuite(CLIENTS, (stackOf) => {
  describe.each(FORMATS)("responses that are kept, of a backend like $alias", (kind) => {
    const { alias: model } = kind;
    let keeper: OpenAI;
    let other: OpenAI;
    let local: OpenAI;

    beforeAll(async () => {
      const { admin, gateway, mint, apiKey } = stackOf();
      const clientOf = (key: string) => new OpenAI({ baseURL: `${gateway}/v1`, apiKey: key, maxRetries: 0 });
      const tenantOf = async (tenant: string) => {
        await admin("POST", "/tenants", { tenant, storesResponses: true });
        return clientOf(await mint({ tenant, tier: "unlimited" }));
      };
      [keeper, other, local] = [await tenantOf("keeper"), await tenantOf("other-keeper"), clientOf(apiKey)];
    });

    // planted: the backend's own frames and text passed on; the settlement without what is to be kept
    test("can be read, gone on from and deleted, by their tenant alone", async () => {
      const text = prompt("Which way to the open sea?");
      const first = await keeper.responses.create({ model, input: text });
      expect(first).toMatchObject({ store: true });
      expect(await keeper.responses.retrieve(first.id)).toMatchObject({ id: first.id, output: first.output });

      const asked = { model, input: "And then?", previous_response_id: first.id };
      let second = first;
      for await (const event of await keeper.responses.create({ ...asked, stream: true })) {
        if (event.type === "response.completed") second = { ...first, ...event.response };
      }
      expect(second).toMatchObject({ previous_response_id: first.id, store: true });
      const [, going, ...more] = await receivedChats(stackOf(), kind, text);
      expect(more).toEqual([]);
      expect(going?.chat.told).toEqual([
        { by: "user", text },
        { by: "assistant", text: first.output_text },
        { by: "user", text: "And then?" },
      ]);
      expect(await keeper.responses.retrieve(second.id)).toMatchObject({ id: second.id, output: second.output });
      const items = await keeper.responses.inputItems.list(second.id, { order: "asc" });
      expect(items.data.map(({ type }) => type)).toEqual(["message", "message", "message"]);

      const stranger = { model, input: "?", previous_response_id: first.id };
      const notFound = { status: 400, code: "previous_response_not_found", param: "previous_response_id" };
      await expect(other.responses.create(stranger)).rejects.toMatchObject(notFound);
      await expect(other.responses.retrieve(first.id)).rejects.toMatchObject({ status: 404 });
      await expect(other.responses.delete(first.id)).rejects.toMatchObject({ status: 404 });

      await keeper.responses.delete(first.id);
      await expect(keeper.responses.create(stranger)).rejects.toMatchObject(notFound);
      await expect(keeper.responses.retrieve(first.id)).rejects.toMatchObject({ status: 404 });
    });

    // planted: every tenant's answers kept
    test("are none where the tenant does not allow it", async () => {
      const answer = await local.responses.create({ model, input: "Which way?", store: true });
      expect(answer).toMatchObject({ store: false });
      await expect(local.responses.retrieve(answer.id)).rejects.toMatchObject({ status: 404 });
      const next = { model, input: "?", previous_response_id: answer.id };
      await expect(local.responses.create(next)).rejects.toMatchObject({ status: 400, code: "unsupported_parameter" });
    });
  });
});

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
