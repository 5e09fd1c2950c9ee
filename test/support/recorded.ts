import { type StreamFixture, streamFixtures } from "../contract/wire/fixtures.ts";
import type { CallerFormat, ChatFormat } from "./caller.ts";
import type { PlayedRequest } from "./pipeline.ts";

const FORMATS = ["openai-chat", "anthropic-messages"] as const;
/** No other format carries completions. */
const COMPLETIONS = "openai-completions";

export interface RecordedCase<Format extends CallerFormat = CallerFormat> {
  readonly backend: Format;
  readonly caller: Format;
  readonly name: string;
  readonly fixture: StreamFixture;
}

/** Every recorded stream of a chat with callers of both formats. Anthropic's format has one choice: its callers never ask for two. */
export const recordedChats: readonly RecordedCase<ChatFormat>[] = FORMATS.flatMap((backend) =>
  streamFixtures(backend).flatMap((fixture) =>
    FORMATS.map((caller) => ({ backend, caller, fixture, name: fixture.name })),
  ),
).filter(({ caller, fixture }) => caller === "openai-chat" || fixture.choices === 1);

const completions: readonly RecordedCase[] = streamFixtures(COMPLETIONS).map((fixture) => ({
  backend: COMPLETIONS,
  caller: COMPLETIONS,
  fixture,
  name: fixture.name,
}));

export const recordedCases: readonly RecordedCase[] = [...recordedChats, ...completions];

/** Choices of a completion: as many as prompts and `n` make together. */
const SEVERAL: Readonly<Record<number, Readonly<Record<string, unknown>>>> = {
  4: { prompt: ["Say it.", [1, 2]], n: 2 },
};

export function requestOf({ caller, backend, fixture }: RecordedCase, stream: boolean): PlayedRequest {
  if (fixture.choices === 1) return { caller, backend, stream };
  return {
    caller,
    backend,
    stream,
    more: caller === COMPLETIONS ? (SEVERAL[fixture.choices] ?? {}) : { n: fixture.choices },
  };
}
