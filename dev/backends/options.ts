import { parseArgs } from "node:util";

/** How a simulated backend is set up; all of it optional in `startBackend`. */
export interface BackendOptions {
  /** 0 takes a free port. */
  readonly port: number;
  /** Names the instance in its tally, headers and the fault parameter `only`. */
  readonly name: string;
  readonly ttftMs: number;
  /** 0 is as fast as possible. */
  readonly tokensPerSecond: number;
  /** Sequences that generate at the same time. */
  readonly maxNumSeqs: number;
  /** Requests that may wait behind them; one more is answered 503. */
  readonly maxQueued: number;
  /** Names of real models that are answered like a simulated one, for configurations that name no simulated model. */
  readonly alsoServe: readonly string[];
  /** Guards `/v1` and `/anthropic/v1`, and nothing else, as vLLM's `--api-key` does. */
  readonly apiKey: string | undefined;
  /** Requests are checked as strictly as the providers' own services do; the model `simulated-strict` is always so. */
  readonly strict: boolean;
  /** Chat usage says how many prompt tokens came from the prefix cache, as vLLM's `--enable-prompt-tokens-details`. */
  readonly promptTokensDetails: boolean;
  /** One JSON line a finished call is appended here. */
  readonly tallyFile: string | undefined;
}

export const DEFAULT_OPTIONS: BackendOptions = {
  port: 0,
  name: "home",
  ttftMs: 20,
  tokensPerSecond: 200,
  maxNumSeqs: 8,
  maxQueued: 64,
  alsoServe: [],
  apiKey: undefined,
  strict: false,
  promptTokensDetails: false,
  tallyFile: undefined,
};

function numberArgument(name: string, text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback;
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value) || value < 0)
    throw new Error(`--${name} wants a number of at least 0, got "${text}"`);
  return value;
}

/** Reads the command line. Throws with one clear line when an argument is wrong. */
export function parseOptions(argumentsGiven: readonly string[]): BackendOptions {
  const { values } = parseArgs({
    args: [...argumentsGiven],
    options: {
      port: { type: "string" },
      name: { type: "string" },
      "ttft-ms": { type: "string" },
      "tokens-per-second": { type: "string" },
      "max-num-seqs": { type: "string" },
      "max-queued": { type: "string" },
      "also-serve": { type: "string" },
      "api-key": { type: "string" },
      strict: { type: "boolean" },
      "prompt-tokens-details": { type: "boolean" },
      "tally-file": { type: "string" },
    },
  });
  return {
    port: numberArgument("port", values.port, DEFAULT_OPTIONS.port),
    name: values.name ?? DEFAULT_OPTIONS.name,
    ttftMs: numberArgument("ttft-ms", values["ttft-ms"], DEFAULT_OPTIONS.ttftMs),
    tokensPerSecond: numberArgument("tokens-per-second", values["tokens-per-second"], DEFAULT_OPTIONS.tokensPerSecond),
    maxNumSeqs: Math.max(1, numberArgument("max-num-seqs", values["max-num-seqs"], DEFAULT_OPTIONS.maxNumSeqs)),
    maxQueued: numberArgument("max-queued", values["max-queued"], DEFAULT_OPTIONS.maxQueued),
    alsoServe: (values["also-serve"] ?? "").split(",").filter((name) => name !== ""),
    apiKey: values["api-key"],
    strict: values.strict ?? DEFAULT_OPTIONS.strict,
    promptTokensDetails: values["prompt-tokens-details"] ?? DEFAULT_OPTIONS.promptTokensDetails,
    tallyFile: values["tally-file"],
  };
}
