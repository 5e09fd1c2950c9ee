import { type StreamFixture, streamFixtures } from "../contract/wire/fixtures.ts";
import type { CallerFormat } from "./caller.ts";
import type { PlayedRequest } from "./pipeline.ts";

const FORMATS = ["openai-chat", "anthropic-messages"] as const;

export interface RecordedCase {
  readonly backend: CallerFormat;
  readonly caller: CallerFormat;
  readonly name: string;
  readonly fixture: StreamFixture;
}

/** Every recorded stream with callers of both formats. Anthropic's format has one choice: its callers never ask for two. */
export const recordedCases: readonly RecordedCase[] = FORMATS.flatMap((backend) =>
  streamFixtures(backend).flatMap((fixture) =>
    FORMATS.map((caller) => ({ backend, caller, fixture, name: fixture.name })),
  ),
).filter(({ caller, fixture }) => caller === "openai-chat" || fixture.choices === 1);

export function requestOf({ caller, backend, fixture }: RecordedCase, stream: boolean): PlayedRequest {
  return { caller, backend, stream, ...(fixture.choices > 1 && { more: { n: fixture.choices } }) };
}
