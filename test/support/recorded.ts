import { type StreamFixture, streamFixtures } from "../contract/wire/fixtures.ts";
import type { AnyFormat, CallerFormat } from "./caller.ts";
import type { PlayedRequest } from "./pipeline.ts";

const FORMATS = ["openai-chat", "anthropic-messages", "openai-responses"] as const;
/** Streams of this format are long, and each is cut at each of its bytes: of the pairs that it is in, those that differ. */
const WITH_RESPONSES = new Set(["short", "tools", "error-frame", "usage-last"]);

export interface RecordedCase<Format extends AnyFormat = AnyFormat> {
  readonly backend: Format;
  readonly caller: Format;
  readonly name: string;
  readonly fixture: StreamFixture;
}

/** Every recorded stream of a chat with callers of all formats. Only OpenAI's chat has several choices: callers of others never ask for two. */
const chats: readonly RecordedCase[] = FORMATS.flatMap((backend) =>
  streamFixtures(backend).flatMap((fixture) =>
    FORMATS.map((caller) => ({ backend, caller, fixture, name: fixture.name })),
  ),
).filter(
  ({ caller, backend, fixture }) =>
    (caller === "openai-chat" || fixture.choices === 1) &&
    ((caller !== "openai-responses" && backend !== "openai-responses") || WITH_RESPONSES.has(fixture.name)),
);

/** No other format carries completions. */
const COMPLETIONS = "openai-completions";

const completions: readonly RecordedCase[] = streamFixtures(COMPLETIONS).map((fixture) => ({
  backend: COMPLETIONS,
  caller: COMPLETIONS,
  fixture,
  name: fixture.name,
}));

export const recordedCases: readonly RecordedCase[] = [...chats, ...completions];

const isNotResponses = (recorded: RecordedCase): recorded is RecordedCase<CallerFormat> =>
  recorded.caller !== "openai-responses" && recorded.backend !== "openai-responses";

/** Those that are also played over sockets. */
export const socketCases: readonly RecordedCase<CallerFormat>[] = chats.filter(isNotResponses);

export function requestOf({ caller, backend, fixture }: RecordedCase, stream: boolean): PlayedRequest {
  if (fixture.choices === 1) return { caller, backend, stream };
  // A completion's choices are those of all its prompts.
  const several = { n: fixture.choices / 2, prompt: ["Say it.", [1, 2]] };
  return { caller, backend, stream, more: caller === COMPLETIONS ? several : { n: fixture.choices } };
}
