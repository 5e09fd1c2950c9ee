import { describe, expect, it } from "vitest";
import type { Frame, StreamEvent } from "../../../src/core/answer.ts";
import type { WholeAnswer } from "../../../src/core/exchange.ts";
import type { AnswerStepper, Policy } from "../../../src/core/policy.ts";
import type { Settlement } from "../../../src/core/ports.ts";
import { cacheEntry } from "../../../src/stages/cache-entry.ts";
import { wires } from "../../../src/wire/registry.ts";
import { begin, eventStream, type PlayedRequest } from "../../support/pipeline.ts";

const encoder = new TextEncoder();
const wire = wires["openai-chat"];

const CHUNK = { id: "chatcmpl-1", object: "chat.completion.chunk", created: 1, model: "played" };
const chunk = (delta: object, finish: string | null) =>
  `data: ${JSON.stringify({ ...CHUNK, choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;
const STREAM = [
  chunk({ role: "assistant", content: "" }, null),
  ...["One ", "two ", "three."].map((content) => chunk({ content }, null)),
  chunk({}, "stop"),
  "data: [DONE]\n\n",
].join("");

const JSON_ANSWER = {
  ...CHUNK,
  object: "chat.completion",
  unheard: "of",
  choices: [{ index: 0, message: { role: "assistant", content: "One two three." }, finish_reason: "stop" }],
  usage: { prompt_tokens: 3, completion_tokens: 3, total_tokens: 6 },
};

/** What the cache holds: the answer, and the backend's own text of it. */
function cached(): string {
  const answer = wire.decodeAnswer(JSON_ANSWER);
  if (!answer.ok) throw new Error(answer.failure.message);
  const origin = { backend: "openai", model: "played", chosenTarget: true, cached: false };
  const whole: WholeAnswer = { kind: "whole", wire, origin, answer: answer.value, text: JSON.stringify(JSON_ANSWER) };
  return cacheEntry(whole.answer, whole, 0);
}

/** One request under one policy: a stream of the backend, or a hit of the cache that is told as JSON or as a stream. */
async function answered(way: "live" | "hit" | "streamed hit", policy: Policy) {
  const settlements: Settlement[] = [];
  const request: PlayedRequest = { caller: "openai-chat", backend: "openai-chat", stream: way !== "hit" };
  const playing = begin(request, () => eventStream([encoder.encode(STREAM)], "fin"), {
    policies: [policy],
    admission: {
      admit: async () => ({
        kind: "admitted",
        ioMs: 0,
        rate: {},
        shared: { breakers: {} },
        ...(way !== "live" && { cached: cached() }),
      }),
      settle: async (settlement) => {
        settlements.push(settlement);
        return { kind: "settled", ioMs: 0 };
      },
    },
  });
  const reply = await playing.reply;
  const body = await new Response(reply.body).text();
  await playing.settled();
  const { outcome, decisions, cache } = settlements[0]?.event ?? {};
  const screened = decisions?.filter(({ step }) => step.startsWith("screen")) ?? [];
  return { status: reply.status, body, outcome, cache, screened, calls: playing.calls.length };
}

const policy = (stepper: Partial<AnswerStepper>, whenBroken: Policy["whenBroken"] = "refuse"): Policy => ({
  name: "tested",
  whenBroken,
  onAnswer: () => ({ onFrame: (frame) => [frame], onEnd: () => [], ...stepper }),
});

/** The frame with `two` in capitals, in its bytes and in its events. */
function shouting(frame: Frame): readonly Frame[] {
  const events = frame
    .events()
    .map(
      (event): StreamEvent => (event.type === "text" ? { ...event, text: event.text.replace("two", "TWO") } : event),
    );
  const raw = encoder.encode(new TextDecoder().decode(frame.raw).replace("two", "TWO"));
  return [{ raw, count: 1, notable: frame.notable, terminal: frame.terminal, events: () => events }];
}

const broken = (): never => {
  throw new Error("a bug in a policy");
};
/** Breaks at the first frame that says `two`. */
const breaksInTheMiddle = (frame: Frame): readonly Frame[] =>
  frame.events().some((event) => event.type === "text" && event.text.includes("two")) ? broken() : [frame];

const WAYS = ["live", "hit", "streamed hit"] as const;

describe.each(WAYS)("a policy of answers, on a %s answer", (way) => {
  // planted: a whole answer passed by every policy
  it("has the last word", async () => {
    const seen = await answered(way, policy({ onFrame: shouting }));
    expect(seen).toMatchObject({ status: 200, outcome: "completed", calls: way === "live" ? 1 : 0 });
    expect(seen.body).toContain("TWO");
    expect(seen.body).not.toContain("two");
    expect(seen.body).toContain("three.");
  });

  it("changes no byte where it changes nothing", async () => {
    const [without, watched] = [
      await answered(way, { name: "tested", whenBroken: "refuse" }),
      await answered(way, policy({})),
    ];
    expect(watched).toEqual(without);
    if (way === "hit") expect(JSON.parse(watched.body)).toEqual(JSON_ANSWER);
  });

  // planted: whenBroken was asked of requests only
  it.each([
    ["as it begins", { ...policy({}), onAnswer: broken }],
    ["at a frame", policy({ onFrame: breaksInTheMiddle })],
    ["at the end", policy({ onEnd: broken })],
  ])("breaks %s: the answer is withheld, or goes on without it", async (_, one) => {
    const refused = await answered(way, { ...one, whenBroken: "refuse" });
    expect(refused.outcome).toBe("failed");
    expect(refused.body).toContain("A policy could not be applied");
    expect(refused.body).not.toContain("[DONE]");
    expect(refused.screened).toEqual([{ step: "screen:tested", decision: "refuse", reason: "policy_broken" }]);
    const allowed = await answered(way, { ...one, whenBroken: "allow" });
    expect(allowed).toMatchObject({ status: 200, outcome: "completed" });
    for (const word of ["One ", "two ", "three."]) expect(allowed.body).toContain(word);
    expect(allowed.screened).toEqual([{ step: "screen:tested", decision: "allow", reason: "policy_broken" }]);
  });
});
