import { type StreamFixture, streamFixtures } from "../../contract/wire/fixtures.ts";
import type { CallerFormat } from "../../support/caller.ts";
import type { PlayedRequest } from "../../support/pipeline.ts";

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

const AT_ONCE = 16;

/** Runs `one` for 0 … count - 1, a few at a time, and gives what it found wrong. */
export async function complaintsOf(count: number, one: (index: number) => Promise<string | undefined>) {
  const found: string[] = [];
  let next = 0;
  const worker = async () => {
    for (let index = next++; index < count; index = next++) {
      const complaint = await one(index);
      if (complaint !== undefined) found.push(complaint);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return found;
}
