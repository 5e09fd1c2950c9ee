import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Answer, ChatAnswer, StreamEvent } from "../../../src/core/answer.ts";
import type { Draft } from "../../../src/core/draft.ts";
import type { Failure, FailureType } from "../../../src/core/failure.ts";
import type { Json, JsonObject } from "../../../src/core/json.ts";
import type { FailedResponse, WireName } from "../../../src/core/wire.ts";

const ROOT = fileURLToPath(new URL("../../fixtures/wire/", import.meta.url));

/** What the bytes of a recorded stream mean. */
export interface StreamFixture {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly choices: number;
  readonly terminals: number;
  readonly plainFrames: number;
  readonly events: readonly StreamEvent[];
  readonly answer?: ChatAnswer;
  readonly failure?: Failure;
}

export function streamFixtures(format: WireName): readonly StreamFixture[] {
  const folder = join(ROOT, format);
  return readdirSync(folder)
    .filter((file) => file.endsWith(".sse"))
    .map((file) => {
      const name = file.slice(0, -".sse".length);
      const expected = JSON.parse(readFileSync(join(folder, `${name}.json`), "utf8"));
      return { choices: 1, ...expected, name, bytes: new Uint8Array(readFileSync(join(folder, file))) };
    });
}

export interface AnswerFixture {
  readonly name: string;
  readonly json: Json;
  readonly answer: Answer;
}

export interface RequestFixture {
  readonly name: string;
  readonly body: JsonObject;
  readonly draft: Draft;
}

export interface FailureFixture {
  readonly name: string;
  readonly response: FailedResponse;
  readonly failure: Partial<Failure>;
}

interface Tables {
  readonly answers: AnswerFixture;
  readonly requests: RequestFixture;
  readonly failures: FailureFixture;
}

/** A table of fixtures; empty where the file is missing, which the contract then reports. */
export function table<T extends keyof Tables>(format: WireName, kind: T): readonly Tables[T][] {
  const file = join(ROOT, format, `${kind}.json`);
  return existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : [];
}

/** A record, so that a type which is missing here does not compile. */
const FAILURES: Readonly<Record<FailureType, true>> = {
  caller_bad_request: true,
  caller_body_too_large: true,
  caller_unsupported_media_type: true,
  caller_unauthenticated: true,
  caller_forbidden: true,
  caller_not_found: true,
  caller_method_not_allowed: true,
  caller_model_not_found: true,
  caller_rate_limited: true,
  caller_budget_exhausted: true,
  caller_conflict: true,
  caller_cancelled: true,
  policy_refused: true,
  backend_rejected: true,
  backend_unavailable: true,
  backend_overloaded: true,
  backend_timeout: true,
  backend_unauthorized: true,
  backend_protocol: true,
  backend_cut: true,
  backend_stream_error: true,
  gateway_unavailable: true,
  gateway_not_implemented: true,
  gateway_internal: true,
};
/** All of them: the compiler asks for each. */
export const FAILURE_TYPES = Object.keys(FAILURES) as FailureType[];
