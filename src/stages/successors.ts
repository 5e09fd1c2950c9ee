import type { Backend } from "../core/config.ts";
import type { AnswerOrigin, Notes, StreamingAnswer } from "../core/exchange.ts";
import type { Json } from "../core/json.ts";
import type { Trigger } from "../core/triggers.ts";
import { leadsTo } from "../routing/triggers.ts";
import { quirksOf } from "./own-members.ts";
import type { PlannedAttempt } from "./running-attempt.ts";

/** How a backend is told that the last message is the beginning of its own answer; undefined where it cannot be told. */
export function membersToGoOn(backend: Backend): Readonly<Record<string, Json>> | undefined {
  const quirks = quirksOf(backend);
  if (quirks.has("vllm")) return { continue_final_message: true, add_generation_prompt: false };
  return quirks.has("assistant-prefill") ? {} : undefined;
}

/** The backends of the plan that can go on, that which broke off last: it may be well again, and it may be all there is. */
export function successorsOf(
  { origin }: StreamingAnswer,
  attempts: readonly PlannedAttempt[],
): readonly PlannedAttempt[] {
  const able = attempts.filter(({ backend }) => membersToGoOn(backend));
  return [...able.filter((planned) => !isFrom(planned, origin)), ...able.filter((planned) => isFrom(planned, origin))];
}

function isFrom({ backend, model }: PlannedAttempt, origin: AnswerOrigin): boolean {
  return backend.name === origin.backend && model === origin.model;
}

/**
 * Whether the step stands for what befell the stream, and for what befell the request before: a filter's word. The one that began it was asked
 * before, and may go on whatever it stands for.
 */
export function mayFollow(
  planned: PlannedAttempt,
  origin: AnswerOrigin,
  trigger: Trigger | undefined,
  { filtered }: Pick<Notes, "filtered">,
): boolean {
  if (isFrom(planned, origin)) return true;
  if (filtered && !leadsTo(planned.target, "filter")) return false;
  return trigger !== undefined && leadsTo(planned.target, trigger);
}
