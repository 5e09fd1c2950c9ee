import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { StreamEvent } from "../../../src/core/answer.ts";
import { collector } from "../../../src/wire/collect.ts";
import { wires } from "../../../src/wire/registry.ts";

const CONTEXT = { id: "i", model: "m", createdAt: 1, includeUsage: true };

function told(events: readonly StreamEvent[]): string {
  const writer = wires["anthropic-messages"].encodeStream(CONTEXT);
  return events.map((event) => writer.write(event)).join("") + writer.end();
}

function read(format: "openai-chat" | "anthropic-messages", text: string): StreamEvent[] {
  return wires[format]
    .decodeStream()
    .push(new TextEncoder().encode(text))
    .flatMap((frame) => [...frame.events()]);
}

function answerOf(events: readonly StreamEvent[]) {
  const sink = collector();
  for (const event of events) sink.push(event);
  const result = sink.result();
  if (!result.ok) throw new Error(result.failure.detail);
  return result.value.choices[0];
}

const start = (block: number, id = `call_${block}`): StreamEvent => ({
  type: "tool-start",
  choice: 0,
  block,
  id,
  name: `f${block}`,
});
const input = (block: number, json: string): StreamEvent => ({ type: "tool-input", choice: 0, block, json });
const text = (said: string): StreamEvent => ({ type: "text", choice: 0, block: 0, text: said });
const finish = (raw = "tool_calls", kind: "tool" | "stop" = "tool"): StreamEvent => ({
  type: "finish",
  choice: 0,
  finish: { kind, raw },
});

const chunk = (delta: unknown, finished: string | null = null) =>
  `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model: "m", choices: [{ index: 0, delta, finish_reason: finished }] })}\n\n`;
const calls = (...list: unknown[]) => chunk({ tool_calls: list });

describe("parallel calls in Anthropic's format, which has one open block at a time", () => {
  // planted: nothing that waits
  it("lose no argument, however their fragments are mixed", () => {
    const pieces = fc.array(fc.constantFrom('"a"', "1", "{", "}", "é🌊", " ", "\\"), { minLength: 1, maxLength: 5 });
    const mixed = fc.array(pieces, { minLength: 1, maxLength: 4 }).chain((list) =>
      fc
        .shuffledSubarray(
          list.flatMap((parts, call) => parts.map((_, part) => [call, part] as const)),
          { minLength: list.flat().length },
        )
        .map((order) => ({ list, order })),
    );
    fc.assert(
      fc.property(mixed, ({ list, order }) => {
        // Each call's fragments in their own order, the calls in any; an array around them, so that no call is whole before its last fragment.
        const rest = list.map((parts) => [...parts]);
        const events: StreamEvent[] = list.flatMap((_, call) => [start(4 + call), input(4 + call, "[")]);
        for (const [call] of order) events.push(input(4 + call, rest[call]?.shift() ?? ""));
        events.push(...list.map((_, call) => input(4 + call, "]")), finish());
        const blocks = answerOf(read("anthropic-messages", told(events)))?.blocks;
        expect(blocks).toEqual(
          list.map((parts, call) => ({
            type: "tool",
            id: `call_${4 + call}`,
            name: `f${4 + call}`,
            json: `[${parts.join("")}]`,
          })),
        );
      }),
    );
  });

  // planted: every other block waits for the finish
  it("are told as they come where each is whole before the next begins", () => {
    const writer = wires["anthropic-messages"].encodeStream(CONTEXT);
    for (const event of [start(4), input(4, '{"a":1}')]) writer.write(event);
    expect(writer.write(start(5))).toContain('"call_5"');
    expect(writer.write(input(5, '{"b"'))).toContain("partial_json");
  });

  it("keep words that come among them", () => {
    const events = [start(4), input(4, "{"), text("Well"), input(4, "}"), text(", yes"), start(5), finish()];
    expect(answerOf(read("anthropic-messages", told(events)))?.blocks).toEqual([
      { type: "tool", id: "call_4", name: "f4", json: "{}" },
      { type: "text", text: "Well, yes" },
      { type: "tool", id: "call_5", name: "f5", json: "{}" },
    ]);
  });

  // planted: late arguments dropped
  it("end in an error where arguments go on behind their end: nothing may be lost unsaid", () => {
    const late = told([start(4), input(4, "{}"), start(5), input(4, " \n"), input(5, "{}"), input(4, "{}"), finish()]);
    expect(late).toContain("event: error");
    expect(late).not.toContain("message_stop");
    const blank = told([start(4), input(4, "{}"), start(5), input(4, " \n"), input(5, "{}"), finish()]);
    expect(blank).toContain("message_stop");
  });

  // planted: `stop` taken as `end_turn`
  it("say by their stop reason that a tool is called or an answer refused, where the backend said no more than stop", () => {
    expect(told([start(4), input(4, "{}"), finish("stop", "stop")])).toContain('"stop_reason":"tool_use"');
    const refusal: StreamEvent = { type: "refusal", choice: 0, block: 2, text: "No." };
    expect(told([refusal, finish("stop", "stop")])).toContain('"stop_reason":"refusal"');
    const answer = wires["openai-chat"].decodeAnswer({
      choices: [
        {
          index: 0,
          message: { tool_calls: [{ id: "c", function: { name: "f", arguments: "" } }] },
          finish_reason: "stop",
        },
      ],
    });
    if (!answer.ok) throw new Error(answer.failure.message);
    expect(wires["anthropic-messages"].encodeAnswer(answer.value, CONTEXT)).toMatchObject({
      stop_reason: "tool_use",
      content: [{ type: "tool_use", id: "c", name: "f", input: {} }],
    });
  });
});

describe("calls as servers of OpenAI's format stream them", () => {
  const whole = (id: string, name: string, json: string) => ({ type: "tool", id, name, json });
  const f = (name: string | undefined, json: string) => ({ function: { name, arguments: json } });

  // planted: the index alone tells calls apart; a repeated id begins another call; a call without an id left out
  it.each([
    [
      "an id that is repeated with every fragment",
      [calls({ index: 0, id: "a", ...f("x", "{") }), calls({ index: 0, id: "a", ...f("x", "}") })],
      [whole("a", "x", "{}")],
    ],
    [
      "one index for all calls",
      [calls({ index: 0, id: "a", ...f("x", "{}") }), calls({ index: 0, id: "b", ...f("y", "{}") })],
      [whole("a", "x", "{}"), whole("b", "y", "{}")],
    ],
    [
      "no index",
      [calls({ id: "a", ...f("x", "{}") }, { id: "b", ...f("y", "{}") })],
      [whole("a", "x", "{}"), whole("b", "y", "{}")],
    ],
    [
      "no ids",
      [calls({ index: 0, ...f("x", "{}") }), calls({ index: 1, id: "", ...f("y", "{}") })],
      [whole("call_0_0", "x", "{}"), whole("call_0_1", "y", "{}")],
    ],
    [
      "a name behind its id",
      [calls({ index: 0, id: "a", ...f(undefined, "") }), calls({ index: 0, ...f("x", "{}") })],
      [whole("a", "x", "{}")],
    ],
    [
      "mixed fragments",
      [
        calls({ index: 0, id: "a", ...f("x", "{") }),
        calls({ index: 1, id: "b", ...f("y", "[") }),
        calls({ index: 0, ...f(undefined, "}") }, { index: 1, ...f(undefined, "]") }),
      ],
      [whole("a", "x", "{}"), whole("b", "y", "[]")],
    ],
  ])("with %s", (_, frames, blocks) => {
    expect(answerOf(read("openai-chat", [...frames, chunk({}, "tool_calls")].join("")))?.blocks).toEqual(blocks);
  });

  it("fail where arguments come for no call, and keep calls of other kinds for callers of the format", () => {
    expect(read("openai-chat", calls({ index: 0, ...f(undefined, "{}") })).map(({ type }) => type)).toContain(
      "failure",
    );
    const custom = { index: 0, id: "a", type: "custom", custom: { name: "x", input: "y" } };
    expect(read("openai-chat", calls(custom))).toContainEqual({
      type: "other",
      choice: 0,
      block: 3,
      data: { wire: "openai-chat", message: { tool_calls: [custom] } },
    });
  });
});

// planted: no input of a call that has none
it("a call without input is told to callers of OpenAI's format as an empty object, which they can parse", () => {
  const frames = [
    { type: "content_block_start", index: 0, content_block: { type: "tool_use", id: "t", name: "now", input: {} } },
    { type: "content_block_stop", index: 0 },
    { type: "message_delta", delta: { stop_reason: "tool_use" }, usage: { output_tokens: 3 } },
  ];
  const bytes = frames.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join("");
  expect(answerOf(read("anthropic-messages", bytes))?.blocks).toEqual([
    { type: "tool", id: "t", name: "now", json: "{}" },
  ]);
});

// planted: input without a call told all the same
it("the input of a tool that runs at the provider is no call to callers of OpenAI's format", () => {
  const writer = wires["openai-chat"].encodeStream(CONTEXT);
  const block = { type: "server_tool_use", id: "s", name: "web_search", input: {} };
  const events: StreamEvent[] = [
    { type: "other", choice: 0, block: 0, data: { wire: "anthropic-messages", block } },
    input(0, '{"query":"tide"}'),
    start(1),
    input(1, "{}"),
  ];
  const told = events.map((event) => writer.write(event)).join("");
  expect(told).not.toContain("tide");
  expect(told).toContain('"index":0,"id":"call_1"');
});
