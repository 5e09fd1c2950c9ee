import { isJsonObject, parseJson } from "../../json.ts";
import type { Ask, Turn } from "../../operation.ts";
import { seal } from "../../seals.ts";
import type { Answer } from "../../text/answer.ts";
import { inputOf } from "../../text/calls.ts";
import { signatureOf } from "./signatures.ts";

/** One delta of a block, with the tokens that are complete with it. */
export interface BlockDelta {
  readonly delta: Record<string, unknown>;
  readonly tokens: number;
}

/** A content block in both of its forms. */
export interface Block {
  readonly whole: Record<string, unknown>;
  readonly opening: Record<string, unknown>;
  readonly deltas: readonly BlockDelta[];
  /** Tokens that come without a delta, as those of thinking that is not shown. */
  readonly hiddenTokens: number;
  /** A delta that is no token, at the block's end. */
  readonly trailer?: Record<string, unknown>;
}

/** The content of an answer in order: thinking, text, calls. */
export function blocksOf(ask: Ask, turn: Turn, answer: Answer): Block[] {
  return [...thinkingBlocks(ask, turn, answer), ...textBlocks(ask, turn, answer), ...callBlocks(answer)];
}

function thinkingBlocks(ask: Ask, turn: Turn, { reasoning }: Answer): Block[] {
  if (reasoning.length === 0) return [];
  const thinking = reasoning.join("");
  if (turn.directives.redacted === true) {
    const whole = { type: "redacted_thinking", data: seal(thinking) };
    return [{ whole, opening: whole, deltas: [], hiddenTokens: reasoning.length }];
  }
  const isOmitted = isJsonObject(ask.body.thinking) && ask.body.thinking.display === "omitted";
  const signature = isOmitted ? seal(thinking) : signatureOf(thinking);
  return [
    {
      whole: { type: "thinking", thinking: isOmitted ? "" : thinking, signature },
      opening: { type: "thinking", thinking: "", signature: "" },
      deltas: isOmitted
        ? []
        : reasoning.map((piece) => ({ delta: { type: "thinking_delta", thinking: piece }, tokens: 1 })),
      hiddenTokens: isOmitted ? reasoning.length : 0,
      trailer: { type: "signature_delta", signature },
    },
  ];
}

/** Cites the beginning of the turn's first document. */
function citationOf(ask: Ask, turn: Turn): Record<string, unknown> | undefined {
  const document = ask.conversation?.attachments.find(({ kind }) => kind === "file");
  if (turn.directives.citations !== true || document === undefined) return undefined;
  return {
    type: "char_location",
    cited_text: "simulated citation",
    document_index: 0,
    document_title: document.name ?? null,
    file_id: null,
    start_char_index: 0,
    end_char_index: "simulated citation".length,
  };
}

function textBlocks(ask: Ask, turn: Turn, { text }: Answer): Block[] {
  if (text.length === 0) return [];
  const citation = citationOf(ask, turn);
  return [
    {
      whole: { type: "text", text: text.join(""), citations: citation === undefined ? null : [citation] },
      opening: { type: "text", text: "", citations: citation === undefined ? null : [] },
      deltas: text.map((piece) => ({ delta: { type: "text_delta", text: piece }, tokens: 1 })),
      hiddenTokens: 0,
      ...(citation === undefined ? {} : { trailer: { type: "citations_delta", citation } }),
    },
  ];
}

function callBlocks({ calls }: Answer): Block[] {
  return calls.map((call) => {
    const head = { type: "tool_use", id: `toolu_${call.id}`, name: call.name, caller: { type: "direct" } };
    return {
      // Tool input that max_tokens cut through is no JSON; Anthropic then gives an empty object.
      whole: { ...head, input: parseJson(inputOf(call))?.value ?? {} },
      opening: { ...head, input: {} },
      deltas: call.fragments.map(({ text, tokens }) => ({
        delta: { type: "input_json_delta", partial_json: text },
        tokens,
      })),
      hiddenTokens: 0,
    };
  });
}
