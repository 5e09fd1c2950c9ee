import { type Conversation, mentionOf } from "./conversation.ts";
import { type Directives, withoutMarkers } from "./directives.ts";
import type { WireError } from "./formats/errors.ts";
import type { JsonObject } from "./json.ts";
import type { SimulatedModel } from "./models.ts";
import type { PromptCaches } from "./prompt-caches.ts";
import type { Format, Script } from "./script.ts";
import { type Answer, composeAnswer } from "./text/answer.ts";
import type { Prompt } from "./text/tokens.ts";
import { callsWanted } from "./tools.ts";

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
  /** The beginning of the answer, which the request brings along (vLLM's `continue_final_message`). */
  readonly said?: string;
  /** What a chat says beyond its texts; absent for completions, embeddings and the like. */
  readonly conversation?: Conversation;
  readonly body: JsonObject;
}

/** The rest of what an answer needs. */
export interface Turn {
  /** Stands in the answer's id. */
  readonly id: string;
  readonly createdAtSeconds: number;
  readonly model: SimulatedModel;
  readonly directives: Directives;
  /** Which call of its conversation this is, from 1: calls of one request id, or without one those that begin with the same user text. */
  readonly attemptOfConversation: number;
  readonly caches: PromptCaches;
}

/** What the reader of a request has to know besides it. */
export interface ReadingRules {
  /** As strict as the provider's own service. */
  readonly strict: boolean;
}

/** One endpoint of one format, both directions. */
export interface Operation {
  readonly format: Format;
  /** Whether it occupies the simulated GPU's seats. */
  readonly purpose: SimulatedModel["purpose"];
  read(body: JsonObject, rules: ReadingRules): Ask | WireError;
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
  /** Of the completion; undefined when there was no reasoning. */
  readonly reasoningTokens: number | undefined;
}

/** Composes every choice of every prompt. */
export function generate(ask: Ask, turn: Turn): Generation {
  const { model } = turn;
  const maxTokens = ask.maxTokens ?? Math.max(1, model.maxModelLength - ask.promptTokens);
  const reasoning = turn.directives.reasoning ?? ask.conversation?.reasoningTokens;
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
          said: ask.said,
          directives,
          mention: ask.conversation === undefined ? "" : mentionOf(ask.conversation),
          calls: callsWanted(ask.conversation, directives),
          structure: ask.conversation?.structure,
          flaw: flawOf(turn),
        }),
      );
    }
  }
  const completionTokens = answers.reduce((sum, answer) => sum + answer.tokens, 0);
  const reasoningTokens = answers.reduce((sum, answer) => sum + answer.reasoning.length, 0);
  return {
    answers,
    promptTokens: ask.promptTokens,
    completionTokens,
    cachedTokens: directives.cached ?? cachedPrefix(ask, turn),
    reasoningTokens: reasoningTokens > 0 ? reasoningTokens : undefined,
  };
}

/** A flaw of the structured answer, as long as the conversation has not had it often enough. */
function flawOf({ directives, attemptOfConversation }: Turn): "json" | "schema" | undefined {
  if (attemptOfConversation <= (directives.badJson ?? 0)) return "json";
  return attemptOfConversation <= (directives.badSchema ?? 0) ? "schema" : undefined;
}

/** What the automatic prefix cache knows of a chat's prompt; undefined where its details are not reported. */
function cachedPrefix(ask: Ask, turn: Turn): number | undefined {
  const prompt = ask.prompts[0];
  if (ask.conversation === undefined || prompt === undefined || !turn.caches.reportsPrefixes) return undefined;
  const salt = typeof ask.body.cache_salt === "string" ? ask.body.cache_salt : "";
  return turn.caches.prefix(`${turn.model.id}|${salt}|${prompt.toolsJson}`, prompt.texts, ask.promptTokens);
}

/** Tokens of the longest choice: when the last of them exists, all do. */
export function longestAnswer(generation: Generation): number {
  return generation.answers.reduce((longest, answer) => Math.max(longest, answer.tokens), 0);
}
