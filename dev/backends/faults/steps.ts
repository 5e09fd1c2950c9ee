import type { Script, Step } from "../script.ts";

/** Cuts the steps at body offsets (ascending). What a step delivers (tokens, usage, finish) is credited to its last part. */
export function splitSteps(steps: readonly Step[], offsets: Iterable<number>): Step[] {
  const parts: Step[] = [];
  const cuts = offsets[Symbol.iterator]();
  let next = cuts.next();
  let start = 0;
  for (const step of steps) {
    const end = start + step.bytes.length;
    let from = start;
    while (!next.done && next.value <= from) next = cuts.next();
    while (!next.done && next.value < end) {
      const first = from === start;
      parts.push({
        kind: step.kind,
        bytes: step.bytes.subarray(from - start, next.value - start),
        after: step.after,
        tokens: 0,
        frames: 0,
        ...(first && step.pauseMs !== undefined ? { pauseMs: step.pauseMs } : {}),
      });
      from = next.value;
      next = cuts.next();
    }
    if (from === start) {
      parts.push(step);
    } else {
      const { pauseMs: _, ...rest } = step;
      parts.push({ ...rest, bytes: step.bytes.subarray(from - start) });
    }
    start = end;
  }
  return parts;
}

/** The steps up to body offset `at`; a step that is cut through delivers bytes and nothing else. */
export function stepsBefore(steps: readonly Step[], at: number): Step[] {
  const kept: Step[] = [];
  let length = 0;
  for (const step of splitSteps(steps, [at])) {
    if (length >= at) break;
    kept.push(step);
    length += step.bytes.length;
  }
  return kept;
}

/** The index of the first step that would deliver more than `tokens` tokens in all; the end when none does. */
export function indexAfterTokens(steps: readonly Step[], tokens: number): number {
  let delivered = 0;
  for (const [index, step] of steps.entries()) {
    if (step.tokens > 0 && delivered + step.tokens > tokens) return index;
    delivered += step.tokens;
  }
  return steps.length;
}

/** The body offset at which step `index` begins. */
export function offsetOf(steps: readonly Step[], index: number): number {
  let offset = 0;
  for (const step of steps.slice(0, index)) offset += step.bytes.length;
  return offset;
}

/** The same script with other steps; Content-Length follows the new body. */
export function withSteps(script: Script, steps: readonly Step[]): Script {
  if (script.framing === "chunked") return { ...script, steps };
  return { ...script, steps, framing: { contentLength: steps.reduce((sum, step) => sum + step.bytes.length, 0) } };
}

/** Rewrites the JSON of a frame or of a JSON body; `undefined` removes the step. Steps without JSON (`[DONE]`) stay. */
export function editJson(
  script: Script,
  edit: (json: Record<string, unknown>, step: Step) => Record<string, unknown> | undefined,
): Script {
  const steps: Step[] = [];
  for (const step of script.steps) {
    const text = step.bytes.toString("utf8");
    const [, head = "", body = "", tail = ""] = /^((?:event: [^\n]*\n)?data: )?([\s\S]*?)(\n*)$/.exec(text) ?? [];
    const json: unknown = body.startsWith("{") ? JSON.parse(body) : undefined;
    if (typeof json !== "object" || json === null) {
      steps.push(step);
      continue;
    }
    const edited = edit(json as Record<string, unknown>, step);
    if (edited !== undefined) steps.push({ ...step, bytes: Buffer.from(`${head}${JSON.stringify(edited)}${tail}`) });
  }
  return withSteps(script, steps);
}

/** One more frame, outside the generation. */
export function extraFrame(text: string, kind: Step["kind"] = "error"): Step {
  return { kind, bytes: Buffer.from(text), after: 0, tokens: 0, frames: 1 };
}
