import type { Door } from "./door.ts";

/** How the checks are set up. */
export interface SmokeOptions {
  /** Where the gateway reaches vLLM: what VLLM_BASE_URL holds. */
  readonly url: string;
  /** As vLLM serves it. */
  readonly model: string;
  readonly embedModel?: string | undefined;
  readonly rerankModel?: string | undefined;
  readonly accessId?: string | undefined;
  readonly accessSecret?: string | undefined;
  readonly apiKey?: string | undefined;
  /** Tokens of the answer whose frames are watched. */
  readonly streamTokens: number;
  /** So soon must vLLM have stopped after the connection was closed. */
  readonly abortWithinMs: number;
}

export interface CheckContext extends SmokeOptions {
  readonly door: Door;
}

/** Passed, with what was seen; or failed, with what was seen and what to do. */
export type Verdict = { readonly ok: true; readonly saw: string } | { readonly ok: false; readonly problem: string };

export interface Check {
  readonly name: string;
  readonly run: (context: CheckContext) => Promise<Verdict>;
}

export const pass = (saw: string): Verdict => ({ ok: true, saw });
export const failed = (problem: string): Verdict => ({ ok: false, problem });
