import { describe, expect, it } from "vitest";
import { type CallerFormat, readStream } from "../../support/caller.ts";
import { eventStream, play } from "../../support/pipeline.ts";

/** What comes behind the last finish cannot unsay it; what comes in its place proves nothing. */

type EndedFormat = CallerFormat | "openai-completions";
const CHATS = ["openai-chat", "anthropic-messages"] as const;
const BACKENDS = [...CHATS, "openai-completions"] as const;
/** Completions are carried by no other format. */
const callersOf = (backend: EndedFormat): readonly EndedFormat[] =>
  backend === "openai-completions" ? [backend] : CHATS;
const bytes = (text: string) => [new TextEncoder().encode(text)];

const chunk = (delta: unknown, finish: string | null = null) =>
  `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model: "m", choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;
const piece = (text: string, finish: string | null = null) =>
  `data: ${JSON.stringify({ id: "c", object: "text_completion", created: 1, model: "m", choices: [{ index: 0, text, finish_reason: finish }] })}\n\n`;
const event = (json: { type: string } & Record<string, unknown>) =>
  `event: ${json.type}\ndata: ${JSON.stringify(json)}\n\n`;

/** "Yes" and a finish, in each format. */
const FINISHED: Readonly<Record<EndedFormat, string>> = {
  "openai-chat": chunk({ role: "assistant", content: "" }) + chunk({ content: "Yes" }) + chunk({}, "stop"),
  "openai-completions": piece("Yes") + piece("", "stop"),
  "anthropic-messages": [
    event({
      type: "message_start",
      message: {
        id: "m",
        type: "message",
        role: "assistant",
        model: "m",
        content: [],
        usage: { input_tokens: 3, output_tokens: 1 },
      },
    }),
    event({ type: "content_block_start", index: 0, content_block: { type: "text", text: "" } }),
    event({ type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "Yes" } }),
    event({ type: "content_block_stop", index: 0 }),
    event({
      type: "message_delta",
      delta: { stop_reason: "end_turn", stop_sequence: null },
      usage: { output_tokens: 1 },
    }),
  ].join(""),
};

/** What a backend may still say, and must not be believed or passed on. */
const BEHIND: Readonly<Record<string, Readonly<Record<EndedFormat, string>>>> = {
  "an error frame": {
    "openai-chat": `data: {"error":{"message":"Engine died","type":"InternalServerError","code":500}}\n\ndata: [DONE]\n\n`,
    "openai-completions": `data: {"error":{"message":"Engine died","type":"InternalServerError","code":500}}\n\ndata: [DONE]\n\n`,
    "anthropic-messages": event({ type: "error", error: { type: "overloaded_error", message: "Overloaded" } }),
  },
  "a malformed frame": {
    "openai-chat": "data: {oops\n\ndata: [DONE]\n\n",
    "openai-completions": "data: {oops\n\ndata: [DONE]\n\n",
    "anthropic-messages": "event: content_block_delta\ndata: {oops\n\n",
  },
  "a giant frame": {
    "openai-chat": `data: {"choices":[],"padding":"${"x".repeat(1_200_000)}"}\n\n`,
    "openai-completions": `data: {"choices":[],"padding":"${"x".repeat(1_200_000)}"}\n\n`,
    "anthropic-messages": `event: ping\ndata: {"type":"ping","padding":"${"x".repeat(1_200_000)}"}\n\n`,
  },
  "more text behind the closing frame": {
    "openai-chat": `data: [DONE]\n\n${chunk({ content: " and no" })}data: [DONE]\n\n`,
    "openai-completions": `data: [DONE]\n\n${piece(" and no")}data: [DONE]\n\n`,
    "anthropic-messages":
      event({ type: "message_stop" }) +
      event({ type: "content_block_delta", index: 0, delta: { type: "text_delta", text: " and no" } }),
  },
  "half a frame": {
    "openai-chat": 'data: {"id":"c","choi',
    "openai-completions": 'data: {"id":"c","choi',
    "anthropic-messages": "event: message_st",
  },
  nothing: { "openai-chat": "", "openai-completions": "", "anthropic-messages": "" },
};

describe.each(BACKENDS)("a finished stream of %s", (backend) => {
  describe.each(Object.entries(BEHIND))("with %s behind its finish", (_, behind) => {
    // planted: errors behind the last finish passed on; a closing frame that does not end the reading
    it.each(callersOf(backend))("is complete to a caller of %s, closed once, and kept", async (caller) => {
      const stream = bytes(FINISHED[backend] + behind[backend]);
      for (const ending of ["fin", "reset"] as const) {
        const played = await play({ caller, backend, stream: true }, () => eventStream(stream, ending));
        expect(played.bugs).toEqual([]);
        expect(readStream(caller, played.body)).toMatchObject({ closed: true, finished: 1, text: "Yes" });
        expect(readStream(caller, played.body).error).toBeUndefined();
        expect(played.event.outcome).toBe("completed");
        expect(played.settlements[0]?.cacheWrite).toBeDefined();
        const collected = await play({ caller, backend, stream: false }, () => eventStream(stream, ending));
        expect([collected.status, collected.event.outcome]).toEqual([200, "completed"]);
      }
    });
  });
});
