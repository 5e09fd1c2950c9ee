/**
 * The official `openai` package, unmodified, against the whole stack: what it returns, and what the backends received. Longer than most
 * files because one stack serves all of it.
 */
import Anthropic from "@anthropic-ai/sdk";
import OpenAI, { type ClientOptions } from "openai";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  allowedHeaders,
  type BackendKind,
  CANARY,
  callsHolding,
  endedCall,
  eventually,
  KINDS,
  NOSY_HEADERS,
  prompt,
  receivedCall,
} from "../support/received.ts";
import { type Relay, startRelay } from "../support/relay.ts";
import { startTestStack, type TestStack } from "../support/stack.ts";

let stack: TestStack;
let relay: Relay;
let openai: OpenAI;

beforeAll(async () => {
  stack = await startTestStack({
    cron: false,
    gatewayEnv: { CF_ACCESS_CLIENT_ID: "the-access-client", CF_ACCESS_CLIENT_SECRET: "the-access-secret" },
  });
  relay = await startRelay(stack.gateway);
  openai = stack.openai;
});
afterAll(async () => {
  await relay?.close();
  await stack?.stop();
});

const SYSTEM = "Answer as a harbour pilot would. 港";
const asked = (kind: BackendKind, text: string) => ({
  model: kind.alias,
  messages: [
    { role: "system" as const, content: SYSTEM },
    { role: "user" as const, content: text },
  ],
  max_tokens: 50,
  temperature: 0.25,
  top_p: 0.5,
  stop: ["§§"],
});

/** The body that a backend of this kind must have received for `asked`. */
function expectedBody(kind: BackendKind, text: string, stream: boolean): object {
  if (kind.format === "anthropic") {
    return {
      model: kind.model,
      system: SYSTEM,
      messages: [{ role: "user", content: text }],
      max_tokens: 50,
      temperature: 0.25,
      top_p: 0.5,
      stop_sequences: ["§§"],
      ...(stream && { stream: true }),
    };
  }
  const upstream = stream || kind.collects;
  return {
    ...asked(kind, text),
    model: kind.model,
    ...(upstream && { stream: true, stream_options: { include_usage: true } }),
  };
}

/** What the backend itself answers to the same question: its answers depend on model and prompt alone. */
async function truth(kind: BackendKind, text: string): Promise<string> {
  const service = stack[kind.process];
  if (kind.format === "anthropic") {
    const direct = new Anthropic({ baseURL: `${service?.url}/anthropic`, apiKey: "direct" });
    const messages = [{ role: "user" as const, content: text }];
    const answer = await direct.messages.create({ model: kind.model, system: SYSTEM, messages, max_tokens: 50 });
    return answer.content.map((block) => (block.type === "text" ? block.text : "")).join("");
  }
  const direct = new OpenAI({ baseURL: `${service?.url}/v1`, apiKey: "direct" });
  const answer = await direct.chat.completions.create({ ...asked(kind, text), model: kind.model });
  return answer.choices[0]?.message.content ?? "";
}

describe.each(KINDS)("a backend like $alias", (kind) => {
  // planted: `temperature` left out of the translated body; the cap of `max_tokens` not sent
  test("a chat is what the backend said, and the backend was asked what the client asked", async () => {
    const text = prompt("Which way to the open sea?");
    const completion = await openai.chat.completions.create(asked(kind, text));
    const call = await receivedCall(stack, completion._request_id);
    expect(call.body).toEqual(expectedBody(kind, text, false));
    expect(completion.object).toBe("chat.completion");
    expect(completion.choices).toHaveLength(1);
    expect(completion.choices[0]?.message).toMatchObject({ role: "assistant", content: await truth(kind, text) });
    expect(["stop", "length"]).toContain(completion.choices[0]?.finish_reason);
    expect(completion.usage).toMatchObject({
      prompt_tokens: call.usageReported?.promptTokens,
      completion_tokens: call.usageReported?.completionTokens,
    });
    expect(call.tokensGenerated).toBe(completion.usage?.completion_tokens);
  });

  // planted: the usage frame of a translated stream not written; a usage frame passed on to who did not ask
  test("a stream says the same as the backend, with usage last, and only to who asked for it", async () => {
    const text = prompt("What do the buoys say?");
    for (const wanted of [true, false]) {
      const { data: stream, request_id } = await openai.chat.completions
        .create({ ...asked(kind, text), stream: true, ...(wanted && { stream_options: { include_usage: true } }) })
        .withResponse();
      const chunks = [];
      for await (const chunk of stream) chunks.push(chunk);
      const call = await receivedCall(stack, request_id);
      expect(call.body).toEqual(expectedBody(kind, text, true));
      expect(chunks.map(({ choices }) => choices[0]?.delta.content ?? "").join("")).toBe(await truth(kind, text));
      expect(chunks.filter(({ choices }) => choices[0]?.finish_reason)).toHaveLength(1);
      const usages = chunks.filter(({ usage }) => usage);
      if (!wanted) {
        expect(usages).toEqual([]);
        continue;
      }
      expect(usages).toHaveLength(1);
      expect(chunks.at(-1)).toMatchObject({
        choices: [],
        usage: {
          prompt_tokens: call.usageReported?.promptTokens,
          completion_tokens: call.usageReported?.completionTokens,
        },
      });
    }
  });

  // planted: the client's headers spread into the outbound ones
  test("no header of the client's reaches the backend", async () => {
    const nosy = new OpenAI({ ...clientOptions(), defaultHeaders: NOSY_HEADERS, organization: `${CANARY}-org` });
    for (const alias of kind.alias === "home" ? ["home", "tunnelled"] : [kind.alias]) {
      const completion = await nosy.chat.completions.create(asked({ ...kind, alias }, prompt("Who is asking?")));
      const { headers, bodyText } = await receivedCall(stack, completion._request_id);
      expect(new Set(Object.keys(headers))).toEqual(allowedHeaders(alias));
      const everything = `${Object.values(headers).join("\n")}\n${bodyText}`;
      expect(everything).not.toContain(CANARY);
      expect(everything).not.toContain(stack.apiKey.slice(-8));
      expect(headers["user-agent"]).toBe("llm-gateway");
      expect(headers["x-request-id"]).toBe(completion._request_id);
      if (alias === "cloud") expect(headers.authorization).toBe("…ated");
      if (alias === "tunnelled") {
        expect(headers["cf-access-client-id"]).toBe("…ient");
        expect(headers["cf-access-client-secret"]).toBe("…cret");
      }
    }
  });

  // planted: the departure not bridged to the attempt (`onGone` never called); `cancel` without `stop`
  test.each(["mid-stream", "stream before its first token", "JSON before its first token"])(
    "abort: %s stops the generation within two seconds",
    async (moment) => {
      const late = moment === "mid-stream" ? "[[sim:tps=40]]" : "[[sim:ttft=4000]]";
      const text = prompt(`Tell me everything. [[sim:tokens=900]] ${late}`);
      const aborting = new AbortController();
      const body = { ...asked(kind, text), max_tokens: 900 };
      const running =
        moment === "mid-stream"
          ? readThree(body, aborting)
          : relayed().chat.completions.create(
              { ...body, stream: moment.startsWith("stream") },
              { signal: aborting.signal },
            );
      running.catch(() => undefined);
      if (moment !== "mid-stream") await eventually(3_000, () => arrived(text));
      else await running;
      const leftAt = Date.now();
      aborting.abort();
      if (moment !== "mid-stream") await expect(running).rejects.toBeInstanceOf(OpenAI.APIUserAbortError);
      const call = await endedCall(stack, text, 2_000 - (Date.now() - leftAt));
      expect(call.outcome).toBe("aborted");
      expect(call.tokensGenerated).toBeLessThan(moment === "mid-stream" ? 150 : 1);
      const { request } = await stack.stored(call.requestId);
      expect(request).toMatchObject({ outcome: "cancelled", httpStatus: 0 });
    },
  );
});

/** A client behind the relay, with the SDK's own retries. */
const relayed = (options: ClientOptions = {}) =>
  new OpenAI({ baseURL: `${relay.url}/v1`, apiKey: stack.apiKey, maxRetries: 0, ...options });
const clientOptions = () => ({ baseURL: `${stack.gateway}/v1`, apiKey: stack.apiKey, maxRetries: 0 });

async function arrived(text: string): Promise<void> {
  expect(await callsHolding(stack, text)).toHaveLength(1);
}

/** Reads three chunks of a stream and leaves it open. */
async function readThree(body: ReturnType<typeof asked>, aborting: AbortController): Promise<void> {
  const stream = await openai.chat.completions.create({ ...body, stream: true }, { signal: aborting.signal });
  const iterator = stream[Symbol.asyncIterator]();
  for (let chunk = 0; chunk < 3; chunk++) expect((await iterator.next()).done).toBe(false);
}
