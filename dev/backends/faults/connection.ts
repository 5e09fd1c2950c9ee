import { bodyLength, plainScript, type Script, type Step } from "../script.ts";
import { type Fault, type FaultContext, numberOf } from "./parameters.ts";
import { indexAfterTokens, offsetOf, splitSteps, stepsBefore } from "./steps.ts";

const DEFAULT_LINGER_MS = 2;

/** Where a fault strikes: `at` is a body byte, `after` a number of delivered tokens; otherwise the middle of the body. */
function strikeOffset(script: Script, context: FaultContext): number {
  const at = numberOf(context, "at");
  if (at !== undefined) return at;
  const after = numberOf(context, "after");
  // A JSON body delivers all of its tokens at once, so only its middle means "after some of them".
  if (after === undefined || !script.streamed) return Math.floor(bodyLength(script) / 2);
  return offsetOf(script.steps, indexAfterTokens(script.steps, after));
}

function truncate(script: Script, context: FaultContext): Script {
  const at = strikeOffset(script, context);
  // All of the body: the cut then still takes the proper end away, unless it was to be a clean one.
  const by = context.parameters.by ?? "fin";
  const whole = at >= bodyLength(script);
  const steps = whole ? script.steps : stepsBefore(script.steps, at);
  if (by === "clean") return whole ? script : { ...script, steps, framing: "chunked", cut: true };
  return {
    ...script,
    steps,
    cut: true,
    ending: by === "reset" ? "reset" : "fin",
    lingerMs: numberOf(context, "linger-ms") ?? DEFAULT_LINGER_MS,
  };
}

function stall(script: Script, context: FaultContext): Script {
  const offset = strikeOffset(
    script,
    context.parameters.after === undefined && script.streamed ? withDefaultAfter(context) : context,
  );
  const pauseMs = numberOf(context, "ms") ?? Number.POSITIVE_INFINITY;
  const steps: Step[] = [];
  let start = 0;
  for (const step of splitSteps(script.steps, [offset])) {
    steps.push(start === offset ? { ...step, pauseMs } : step);
    start += step.bytes.length;
  }
  if (offset >= start) return pauseMs === Number.POSITIVE_INFINITY ? { ...script, ending: "hang" } : script;
  return { ...script, steps };
}

function withDefaultAfter(context: FaultContext): FaultContext {
  return { ...context, parameters: { after: "5", ...context.parameters } };
}

function split(script: Script, context: FaultContext): Script {
  const length = bodyLength(script);
  const given = context.parameters.at?.split("+").map(Number).filter(Number.isInteger);
  const every = Math.max(1, Math.floor(numberOf(context, "every") ?? 1));
  const offsets =
    given?.sort((left, right) => left - right) ??
    Array.from({ length: Math.ceil(length / every) }, (_, index) => (index + 1) * every);
  const gapMs = numberOf(context, "gap-ms");
  const steps = splitSteps(script.steps, offsets).map((step) => ({
    ...step,
    flush: true,
    ...(gapMs !== undefined && step.pauseMs === undefined ? { pauseMs: gapMs } : {}),
  }));
  return { ...script, steps };
}

/** Faults of the connection and of the bytes on it, whatever they say. */
export const CONNECTION_FAULTS: Readonly<Record<string, Fault>> = {
  refuse: {
    summary: "the connection dies without a byte of an answer (for a closed listener see `/sim/door`)",
    parameters: { by: "reset (default) or fin" },
    outcome: "refused",
    apply: (_, { parameters }) => ({
      ...plainScript(502, {}, ""),
      silent: true,
      ending: parameters.by === "fin" ? "fin" : "reset",
    }),
  },
  "slow-headers": {
    summary: "the status line comes late",
    parameters: { ms: "how late, 30000 by default" },
    outcome: "completed",
    apply: (script, context) => ({ ...script, headersPauseMs: numberOf(context, "ms") ?? 30_000 }),
  },
  "never-answers": {
    summary: "the request is taken and nothing ever comes back",
    parameters: {},
    outcome: "failed",
    apply: (script) => ({ ...script, headersPauseMs: Number.POSITIVE_INFINITY }),
  },
  "stall-mid-stream": {
    summary: "silence in the middle of the body with the connection open",
    parameters: {
      after: "tokens delivered before it (default 5 in a stream, the middle of a JSON body)",
      at: "or: body bytes delivered before it",
      ms: "how long; without it, until the client leaves",
    },
    outcome: "completed",
    apply: stall,
  },
  truncate: {
    summary: "the body ends at an exact byte, in a stream or in JSON",
    parameters: {
      at: "body bytes delivered before the cut (default: half of them)",
      after: "or: tokens delivered before the cut (streams)",
      by: "fin (default): FIN without the last chunk; clean: a proper chunked end; reset: RST",
      "linger-ms": `before an RST, so that the receiver can read what came before, ${DEFAULT_LINGER_MS} by default`,
    },
    outcome: "failed",
    apply: truncate,
  },
  split: {
    summary: "each part of the body is its own chunk and its own write",
    parameters: {
      every: "bytes a part, 1 by default",
      at: "or: at these body offsets, joined by +",
      "gap-ms": "a pause before each part",
    },
    outcome: "completed",
    apply: split,
  },
};
