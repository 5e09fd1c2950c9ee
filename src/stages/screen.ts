import { type Frame, isText } from "../core/answer.ts";
import type { Admitted, LiveAnswer, StreamingAnswer, StreamStep, WholeAnswer } from "../core/exchange.ts";
import type { Failure } from "../core/failure.ts";
import type { AnswerStepper, Policy } from "../core/policy.ts";
import { fail, ok, type Result } from "../core/result.ts";
import { collector } from "../wire/collect.ts";
import { replayFrames } from "../wire/replay-frames.ts";
import type { Gateway } from "./gateway.ts";
import { writerContext } from "./reply.ts";

/**
 * Response policies, frame by frame inside the one read loop; a whole answer (from the cache, or from a backend that did not stream) is stepped
 * through as the stream that it would have been. Without any such policy the answer passes as it is, unparsed. Vectors, ranks and counts are not screened.
 */
export function screen(exchange: Admitted, answer: LiveAnswer, gateway: Gateway): Result<LiveAnswer> {
  if (!gateway.policies.some((policy) => policy.onAnswer)) return ok(answer);
  const steppers = new Steppers(exchange, gateway);
  if (answer.kind === "stream") return ok(screenedStream(answer, steppers));
  return screenedWhole(exchange, answer, steppers, gateway);
}

function screenedStream(answer: StreamingAnswer, steppers: Steppers): StreamingAnswer {
  let held: StreamStep | undefined;
  const refused = (failure: Failure): StreamStep => {
    answer.cancel(failure);
    return { kind: "failure", failure };
  };
  return {
    ...answer,
    cancel: (failure) => answer.cancel(failure),
    next: async () => {
      if (held) return held;
      const step = await answer.next();
      if (step.kind === "failure") return step;
      const screened = step.kind === "frames" ? steppers.frames(step.frames) : steppers.end();
      if (!screened.ok) return refused(screened.failure);
      if (step.kind === "end" && screened.value.length === 0) return step;
      if (step.kind === "end") held = step;
      return { kind: "frames", frames: screened.value };
    },
  };
}

/** The backend's own text is kept where no policy changed anything. */
function screenedWhole(
  exchange: Admitted,
  whole: WholeAnswer,
  steppers: Steppers,
  gateway: Gateway,
): Result<WholeAnswer> {
  if (!isText(whole.answer)) return ok(whole);
  const frames = replayFrames(whole.answer, whole.wire, writerContext(exchange, gateway, whole));
  const passed = steppers.frames(frames);
  if (!passed.ok) return passed;
  const last = steppers.end();
  if (!last.ok) return last;
  const screened = [...passed.value, ...last.value];
  if (screened.length === frames.length && screened.every((frame, index) => frame === frames[index])) return ok(whole);
  const sink = collector(whole.answer.choices.length, whole.answer.operation);
  for (const frame of screened) for (const event of frame.events()) sink.push(event);
  const collected = sink.result();
  return collected.ok
    ? ok({ kind: "whole", wire: whole.wire, origin: whole.origin, answer: collected.value })
    : collected;
}

/** The steppers of one answer, in the registry's order. One that throws does what its policy's `whenBroken` says: it stands aside, or ends the answer. */
class Steppers {
  readonly #exchange: Admitted;
  readonly #gateway: Gateway;
  #standing: { readonly policy: Policy; readonly stepper: AnswerStepper }[] = [];
  #refused: Failure | undefined;

  constructor(exchange: Admitted, gateway: Gateway) {
    this.#exchange = exchange;
    this.#gateway = gateway;
    for (const policy of gateway.policies) {
      const stepper = this.#guarded(policy, () => policy.onAnswer?.(exchange));
      if (stepper) this.#standing.push({ policy, stepper });
    }
  }

  frames(frames: readonly Frame[]): Result<readonly Frame[]> {
    return this.#step(frames, () => []);
  }

  /** What the steppers kept back, each's seen by those behind it. */
  end(): Result<readonly Frame[]> {
    return this.#step([], (stepper) => stepper.onEnd());
  }

  #step(frames: readonly Frame[], more: (stepper: AnswerStepper) => readonly Frame[]): Result<readonly Frame[]> {
    let current = frames;
    for (const { policy, stepper } of this.#standing) {
      const input = current;
      current =
        this.#guarded(policy, () => [...input.flatMap((frame) => stepper.onFrame(frame)), ...more(stepper)]) ?? input;
    }
    return this.#refused ? fail(this.#refused) : ok(current);
  }

  /** Undefined where the policy broke. */
  #guarded<Value>(policy: Policy, work: () => Value): Value | undefined {
    try {
      return work();
    } catch (bug) {
      const { whenBroken, name } = policy;
      this.#gateway.reportBug(bug, this.#exchange.requestId);
      this.#exchange.notes.decisions.push({ step: `screen:${name}`, decision: whenBroken, reason: "policy_broken" });
      this.#standing = this.#standing.filter((standing) => standing.policy !== policy);
      if (whenBroken === "refuse") {
        this.#refused ??= {
          type: "gateway_internal",
          message: "A policy could not be applied, so the answer was withheld.",
          detail: name,
        };
      }
      return undefined;
    }
  }
}
