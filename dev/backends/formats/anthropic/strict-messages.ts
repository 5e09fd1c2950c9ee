import { isJsonObject, type JsonObject } from "../../json.ts";
import { strictSchemaProblem } from "../../structure/strict-schema.ts";
import type { WireError } from "../errors.ts";
import { blocksIn } from "./message-conversation.ts";
import { isGenuine } from "./signatures.ts";
import { strictThinkingProblem } from "./strict-thinking.ts";
import { strictToolsProblem } from "./strict-tools.ts";
import { invalidRequest, type StrictTurn } from "./strict-words.ts";

const MOST_CACHE_MARKS = 4;

/** What only a strict reading refuses of a request that has the right shape; undefined where Anthropic would take it. */
export function strictMessagesProblem(body: JsonObject): WireError | undefined {
  const turns = mergedTurns(Array.isArray(body.messages) ? body.messages.filter(isJsonObject) : []);
  return (
    firstTurnProblem(turns) ??
    turns.map(blocksProblem).find((problem) => problem !== undefined) ??
    pairingProblem(turns) ??
    cacheProblem(body) ??
    strictToolsProblem(body) ??
    outputProblem(body) ??
    strictThinkingProblem(body, turns)
  );
}

function mergedTurns(messages: readonly JsonObject[]): StrictTurn[] {
  const turns: StrictTurn[] = [];
  for (const [index, { role, content }] of messages.entries()) {
    const blocks = typeof content === "string" ? [{ type: "text", text: content }] : blocksIn(content);
    const last = turns.at(-1);
    if (last !== undefined && last.role === role) last.blocks.push(...blocks);
    else turns.push({ index, role, blocks: [...blocks] });
  }
  return turns;
}

function firstTurnProblem(turns: readonly StrictTurn[]): WireError | undefined {
  if (turns[0]?.role === "assistant") return invalidRequest('messages: first message must use the "user" role');
  const last = turns.at(-1);
  const text = last?.role === "assistant" ? last.blocks.at(-1)?.text : undefined;
  if (typeof text === "string" && text !== text.trimEnd())
    return invalidRequest("messages: final assistant content cannot end with trailing whitespace");
  return undefined;
}

const USER_BLOCKS = ["text", "image", "document", "search_result", "tool_result", "container_upload"];
const ASSISTANT_BLOCKS = ["text", "thinking", "redacted_thinking", "tool_use", "server_tool_use"];

function blocksProblem({ index, role, blocks }: StrictTurn): WireError | undefined {
  const allowed = role === "user" ? USER_BLOCKS : ASSISTANT_BLOCKS;
  for (const [at, block] of blocks.entries()) {
    const place = `messages.${index}.content.${at}`;
    const type = String(block.type);
    if (!allowed.includes(type))
      return invalidRequest(
        `${place}.type: Input tag '${type}' found using 'type' does not match any of the expected tags: ${allowed.map((tag) => `'${tag}'`).join(", ")}`,
      );
    if (type === "text" && typeof block.text === "string" && block.text.trim() === "")
      return invalidRequest("messages: text content blocks must contain non-whitespace text");
    if ((type === "thinking" || type === "redacted_thinking") && !isGenuine(block))
      return invalidRequest(
        type === "thinking"
          ? `${place}: Invalid \`signature\` in \`thinking\` block`
          : `${place}: Invalid \`data\` in \`redacted_thinking\` block`,
      );
    if (type === "tool_use") {
      if (typeof block.id !== "string" || !/^[a-zA-Z0-9_-]+$/.test(block.id))
        return invalidRequest(`${place}.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'`);
      if (!isJsonObject(block.input))
        return invalidRequest(`${place}.tool_use.input: Input should be a valid dictionary`);
    }
    if (type === "tool_result" && typeof block.tool_use_id !== "string")
      return invalidRequest(`${place}.tool_result.tool_use_id: Field required`);
    if ((type === "image" || type === "document") && !isJsonObject(block.source))
      return invalidRequest(`${place}.${type}.source: Field required`);
  }
  return undefined;
}

/** Every call is answered at the beginning of the next user message, and nothing is answered that was not called there. */
function pairingProblem(turns: readonly StrictTurn[]): WireError | undefined {
  for (const [at, turn] of turns.entries()) {
    const place = `messages.${turn.index}`;
    const ids = turn.blocks.filter(({ type }) => type === "tool_use").map(({ id }) => String(id));
    if (new Set(ids).size < ids.length) return invalidRequest(`${place}: \`tool_use\` ids must be unique`);
    const results = turn.blocks.filter(({ type }) => type === "tool_result").map(({ tool_use_id: id }) => String(id));
    const called = (turns[at - 1]?.blocks ?? []).filter(({ type }) => type === "tool_use").map(({ id }) => String(id));
    const uncalled = results.find((id) => !called.includes(id));
    if (uncalled !== undefined)
      return invalidRequest(
        `${place}.content.0: unexpected \`tool_use_id\` found in \`tool_result\` blocks: ${uncalled}. Each \`tool_result\` block must have a corresponding \`tool_use\` block in the previous message.`,
      );
    if (new Set(results).size < results.length)
      return invalidRequest(
        `${place}: each tool_use must have a single result. Found multiple \`tool_result\` blocks with the same id`,
      );
    const leading = turn.blocks.findIndex(({ type }) => type !== "tool_result");
    const answeredFirst = (leading < 0 ? turn.blocks : turn.blocks.slice(0, leading)).map(({ tool_use_id: id }) =>
      String(id),
    );
    const unanswered = called.filter((id) => !answeredFirst.includes(id));
    if (unanswered.length > 0)
      return invalidRequest(
        `messages.${turns[at - 1]?.index ?? 0}: \`tool_use\` ids were found without \`tool_result\` blocks immediately after: ${unanswered.join(", ")}. Each \`tool_use\` block must have a corresponding \`tool_result\` block in the next message.`,
      );
    if (at === turns.length - 1 && ids.length > 0)
      return invalidRequest(
        `${place}: \`tool_use\` ids were found without \`tool_result\` blocks immediately after: ${ids.join(", ")}. Each \`tool_use\` block must have a corresponding \`tool_result\` block in the next message.`,
      );
  }
  return undefined;
}

function cacheProblem(body: JsonObject): WireError | undefined {
  const marks = countMarks([body.tools, body.system, body.messages]) + (body.cache_control === undefined ? 0 : 1);
  if (marks > MOST_CACHE_MARKS)
    return invalidRequest(
      `A maximum of ${MOST_CACHE_MARKS} blocks with cache_control may be provided. Found ${marks}.`,
    );
  const messages = Array.isArray(body.messages) ? body.messages.filter(isJsonObject) : [];
  for (const [index, { content }] of messages.entries())
    for (const [at, block] of blocksIn(content).entries()) {
      const isThinking = block.type === "thinking" || block.type === "redacted_thinking";
      if (isThinking && block.cache_control !== undefined)
        return invalidRequest(
          `messages.${index}.content.${at}.${block.type}.cache_control: Extra inputs are not permitted`,
        );
    }
  return undefined;
}

function countMarks(value: unknown): number {
  if (Array.isArray(value)) return value.reduce((sum: number, item) => sum + countMarks(item), 0);
  if (!isJsonObject(value)) return 0;
  const own = isJsonObject(value.cache_control) ? 1 : 0;
  return own + countMarks(value.content);
}

function outputProblem({ output_config: config }: JsonObject): WireError | undefined {
  const format = isJsonObject(config) ? config.format : undefined;
  if (!isJsonObject(format)) return undefined;
  if (format.type !== "json_schema") return invalidRequest("output_config.format.type: Input should be 'json_schema'");
  if (!isJsonObject(format.schema)) return invalidRequest("output_config.format.schema: Field required");
  if (strictSchemaProblem(format.schema, false) === undefined) return undefined;
  return invalidRequest(
    "output_config.format.schema: For 'object' type, 'additionalProperties' must be explicitly set to false",
  );
}
