import type { Frame } from "../core/answer.ts";
import type { Admitted, LiveAnswer, StreamStep } from "../core/exchange.ts";
import type { AnswerStepper } from "../core/policy.ts";
import type { Gateway } from "./gateway.ts";

/** Response policies, frame by frame inside the one read loop. Without any, the answer passes as it is, unparsed. */
export function screen(exchange: Admitted, answer: LiveAnswer, gateway: Gateway): LiveAnswer {
  const steppers = gateway.policies.flatMap((policy) => {
    const stepper = policy.onAnswer?.(exchange);
    return stepper ? [stepper] : [];
  });
  if (steppers.length === 0 || answer.kind === "whole") return answer;
  let held: StreamStep | undefined;
  return {
    ...answer,
    cancel: (failure) => answer.cancel(failure),
    next: async () => {
      if (held) return held;
      const step = await answer.next();
      if (step.kind === "frames")
        return { kind: "frames", frames: step.frames.flatMap((frame) => through(steppers, frame)) };
      const last = steppers.flatMap((stepper) => stepper.onEnd());
      if (step.kind === "failure" || last.length === 0) return step;
      held = step;
      return { kind: "frames", frames: last };
    },
  };
}

function through(steppers: readonly AnswerStepper[], frame: Frame): readonly Frame[] {
  return steppers.reduce<readonly Frame[]>((frames, stepper) => frames.flatMap((one) => stepper.onFrame(one)), [frame]);
}
