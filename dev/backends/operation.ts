import { type Directives, withoutMarkers } from "./directives.ts";
import type { WireError } from "./formats/errors.ts";
import type { JsonObject } from "./json.ts";
import type { SimulatedModel } from "./models.ts";
import type { Format, Script } from "./script.ts";
import { type Answer, composeAnswer } from "./text/answer.ts";
import type { Prompt } from "./text/tokens.ts";

/** A request reduced to what the simulator acts on, whatever format it came in. */
export interface Ask {
  readonly modelAsked: string;
  /** One prompt for a chat; completions and embeddings may bring several. */
  readonly prompts: readonly Prompt[];
  readonly promptTokens: number;
  readonly choices: number;
  readonly seed: number | undefined;
  /** Undefined: as much as the context has room for. */
  readonly maxTokens: number | undefined;
  readonly stops: readonly string[];
  readonly ignoreEnd: boolean;
  readonly stream: boolean;
  readonly includeUsage: boolean;
  /** The request itself asks for reasoning (Anthropic's `thinking`). */
  readonly reasoningAsked: boolean;
  readonly body: JsonObject;
}

/** The rest of what an answer needs. */
export interface Turn {
  /** Stands in the answer's id. */
  readonly id: string;
  readonly createdAtSeconds: number;
  readonly model: SimulatedModel;
  readonly directives: Directives;
}

/** One endpoint of one format, both directions. */
export interface Operation {
  readonly format: Format;
  /** Whether it occupies the simulated GPU's seats. */
  readonly purpose: SimulatedModel["purpose"];
  read(body: JsonObject): Ask | WireError;
  write(ask: Ask, turn: Turn): Script;
}

/** A read that failed. */
export function isWireError(value: Ask | WireError): value is WireError {
  return "status" in value;
}

/** All choices of an ask, composed, with the counts that the backend reports. */
export interface Generation {
  readonly answers: readonly Answer[];
  readonly promptTokens: number;
  readonly completionTokens: number;
  readonly cachedTokens: number | undefined;
}

const REASONING_TOKENS_WHEN_ASKED = 12;

/** Composes every choice of every prompt. */
export function generate(ask: Ask, turn: Turn): Generation {
  const { model } = turn;
  const maxTokens = ask.maxTokens ?? Math.max(1, model.maxModelLength - ask.promptTokens);
  const reasoning = turn.directives.reasoning ?? (ask.reasoningAsked ? REASONING_TOKENS_WHEN_ASKED : undefined);
  const tokens = turn.directives.tokens ?? turn.directives.frames;
  const directives: Directives = {
    ...turn.directives,
    ...(reasoning === undefined ? {} : { reasoning }),
    ...(tokens === undefined ? {} : { tokens }),
  };
  const answers: Answer[] = [];
  for (const prompt of ask.prompts) {
    const promptText = withoutMarkers(prompt.texts.join("\n"));
    for (let choice = 0; choice < ask.choices; choice += 1) {
      answers.push(
        composeAnswer({
          promptText,
          model: model.id,
          seed: ask.seed,
          choice,
          maxTokens,
          stops: ask.stops,
          ignoreEnd: ask.ignoreEnd,
          directives,
        }),
      );
    }
  }
  const completionTokens = answers.reduce((sum, answer) => sum + answer.tokens, 0);
  return { answers, promptTokens: ask.promptTokens, completionTokens, cachedTokens: directives.cached };
}

/** Tokens of the longest choice: when the last of them exists, all do. */
export function longestAnswer(generation: Generation): number {
  return generation.answers.reduce((longest, answer) => Math.max(longest, answer.tokens), 0);
}
