import { isJsonObject, type JsonObject } from "../../json.ts";
import type { WireError } from "../errors.ts";
import { invalidRequest, type StrictTurn } from "./strict-words.ts";

const LOWEST_TOP_P = 0.95;

function isThinking(block: JsonObject | undefined): boolean {
  return block?.type === "thinking" || block?.type === "redacted_thinking";
}

/** What Anthropic demands while thinking is on: of sampling, of the choice of tools, of the order of blocks. */
export function strictThinkingProblem(body: JsonObject, turns: readonly StrictTurn[]): WireError | undefined {
  const { thinking, temperature, top_p: topP, top_k: topK, tool_choice: choice } = body;
  if (!isJsonObject(thinking)) return undefined;
  const { type } = thinking;
  if (type !== "enabled" && type !== "adaptive" && type !== "disabled")
    return invalidRequest(
      `thinking: Input tag '${String(type)}' found using 'type' does not match any of the expected tags: 'adaptive', 'disabled', 'enabled'`,
    );
  if (type === "disabled") return undefined;
  if (temperature !== undefined && temperature !== 1)
    return invalidRequest("`temperature` may only be set to 1 when thinking is enabled.");
  if (topK !== undefined) return invalidRequest("`top_k` must be unset when thinking is enabled.");
  if (typeof topP === "number" && topP < LOWEST_TOP_P)
    return invalidRequest(
      `\`top_p\` must be greater than or equal to ${LOWEST_TOP_P} or unset when thinking is enabled.`,
    );
  if (isJsonObject(choice) && (choice.type === "any" || choice.type === "tool"))
    return invalidRequest("Thinking may not be enabled when tool_choice forces tool use.");
  return loopProblem(turns) ?? prefillProblem(turns);
}

/** The calls that are being answered right now must still have their thinking before them. */
function loopProblem(turns: readonly StrictTurn[]): WireError | undefined {
  const last = turns.at(-1);
  const isLoop = last?.role === "user" && last.blocks.some(({ type }) => type === "tool_result");
  if (!isLoop) return undefined;
  const calling = turns.at(-2);
  const first = calling?.blocks[0];
  if (calling === undefined || isThinking(first)) return undefined;
  return invalidRequest(
    `messages.${calling.index}.content.0.type: Expected \`thinking\` or \`redacted_thinking\`, but found \`${String(first?.type)}\`. When \`thinking\` is enabled, a final \`assistant\` message must start with a thinking block (preceeding the lastmost set of \`tool_use\` and \`tool_result\` blocks).`,
  );
}

function prefillProblem(turns: readonly StrictTurn[]): WireError | undefined {
  const last = turns.at(-1);
  if (last?.role !== "assistant" || isThinking(last.blocks[0])) return undefined;
  return invalidRequest(
    `messages.${last.index}.content.0.type: Expected \`thinking\` or \`redacted_thinking\`, but found \`${String(last.blocks[0]?.type)}\`. When \`thinking\` is enabled, a final \`assistant\` message must start with a thinking block.`,
  );
}
