import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Answer, ChatAnswer, StreamEvent } from "../../../src/core/answer.ts";
import type { Draft } from "../../../src/core/draft.ts";
import type { Failure } from "../../../src/core/failure.ts";
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
