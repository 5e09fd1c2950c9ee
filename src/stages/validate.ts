import type { AnswerChoice } from "../core/answer.ts";
import type { Admitted, LiveAnswer, WholeAnswer } from "../core/exchange.ts";
import { badRequest, type Failure } from "../core/failure.ts";
import { isJsonObject, type Json } from "../core/json.ts";
import { fail, ok, type Result } from "../core/result.ts";
import { estimateInputTokens } from "../core/tokens.ts";
import { checkAgainstSchema } from "../lib/json-schema.ts";
import { attempt } from "./attempt.ts";
import { collected } from "./collected.ts";
import type { Gateway } from "./gateway.ts";
import { CANCELLED, type PlannedAttempt } from "./running-attempt.ts";
import { type WantedStructure, wantedStructure, withComplaint } from "./structure.ts";

/**
 * Routes that promise it: a structured answer is checked whole before any of it is sent, so a stream is collected first and told as a stream
 * afterwards. An invalid answer is asked for again, at the same backend, as often as the route says; each time is a charge of its own and was
 * reserved for. What is still invalid then is a failure, never an answer: fails closed. An answer that says itself that it is not the one asked
 * for (tool calls, a refusal, the token limit, a filter) passes as it is.
 */
export async function validate(
  exchange: Admitted,
  live: LiveAnswer,
  repairs: number,
  attempts: readonly PlannedAttempt[],
  gateway: Gateway,
): Promise<Result<LiveAnswer>> {
  const { draft, body, notes, departure } = exchange;
  const wanted = draft.operation === "chat" ? wantedStructure(draft, body) : undefined;
  if (!wanted || draft.operation !== "chat") return ok(live);
  const note = (decision: string, reason?: string) =>
    notes.decisions.push({ step: "validate", decision, ...(reason !== undefined && { reason }) });
  const { backend, model } = live.origin;
  const answered = attempts.find((planned) => planned.backend.name === backend && planned.model === model);
  const isSingle = (draft.choices ?? 1) === 1;
  let conversation = { draft, body };
  let current = live;
  for (let round = 0; ; round++) {
    const whole = current.kind === "whole" ? ok(current) : await collected(exchange, current);
    if (!whole.ok) return whole;
    const judged = await judge(whole.value, wanted);
    note(judged.kind, judged.kind === "invalid" ? `round_${round}` : undefined);
    if (judged.kind === "unusable") return fail(judged.failure);
    if (judged.kind !== "invalid") return whole;
    if (departure.gone) return fail(CANCELLED);
    if (round >= repairs || !answered || !isSingle) return fail(NOT_CONFORMING);
    conversation = withComplaint(conversation, judged.text, judged.problem, exchange.wire.name);
    const inputTokens = estimateInputTokens(conversation.draft, conversation.body);
    const again = await attempt(
      { ...answered, kind: "repair" },
      { ...exchange, ...conversation, inputTokens },
      gateway,
    );
    if (!again.ok) return again;
    current = again.value;
  }
}

const NOT_CONFORMING: Failure = {
  type: "backend_protocol",
  message: "The model's answer does not follow the JSON schema that was asked for.",
  code: "structured_output_invalid",
  // Clients repeat a 502 by themselves; this one has cost its money, repairs included.
  retryable: false,
  detail: "schema_mismatch",
};

type Judgement =
  | { readonly kind: "valid" | "not_structured" }
  | { readonly kind: "invalid"; readonly text: string; readonly problem: string }
  | { readonly kind: "unusable"; readonly failure: Failure };

async function judge({ answer }: WholeAnswer, wanted: WantedStructure): Promise<Judgement> {
  if (answer.operation !== "chat") return { kind: "not_structured" };
  let kind: "valid" | "not_structured" = "not_structured";
  for (const choice of answer.choices) {
    const text = finalText(choice);
    if (text === undefined) continue;
    const problem = await problemOf(text, wanted);
    if (problem === undefined) kind = "valid";
    else if (typeof problem === "string") return { kind: "invalid", text, problem };
    else return { kind: "unusable", failure: problem };
  }
  return { kind };
}

/** Undefined where the choice says by its end that it is not the structured answer. */
function finalText({ blocks, finish }: AnswerChoice): string | undefined {
  const isAnswer = finish.kind === "stop" || finish.kind === "other";
  if (!isAnswer || blocks.some(({ type }) => type === "tool" || type === "refusal")) return undefined;
  return blocks.flatMap((block) => (block.type === "text" ? [block.text] : [])).join("");
}

async function problemOf(text: string, { schema, field }: WantedStructure): Promise<string | Failure | undefined> {
  let value: Json;
  try {
    value = JSON.parse(text);
  } catch {
    return "it is not JSON";
  }
  if (!schema) return isJsonObject(value) ? undefined : "it is not a JSON object";
  const check = await checkAgainstSchema(schema, value);
  if (check.kind === "valid") return undefined;
  if (check.kind === "invalid") return check.problem;
  const says = check.problem === "too_complex" ? "takes too much work to check" : "cannot be checked";
  return badRequest(`The JSON schema in \`${field}\` ${says}.`, field, "invalid_json_schema");
}
