import type { Conversation, OfferedTool } from "./conversation.ts";
import type { Directives } from "./directives.ts";
import type { JsonObject } from "./json.ts";

/** A tool call that the answer is to make. */
export interface WantedCall {
  readonly name: string;
  readonly schema: JsonObject | undefined;
  /** The input word for word; otherwise it is made from the schema. */
  readonly input?: string;
}

/**
 * Which tools the answer calls, in order. The markers `tools` and `tool` come first, then what `tool_choice` forces, then a user text that names a tool.
 * `tool` works without offered tools too; nothing works against `tool_choice` none.
 */
export function callsWanted(conversation: Conversation | undefined, directives: Directives): WantedCall[] {
  const { tool, tools, toolInput } = directives;
  const offered = conversation?.tools ?? [];
  const choice = conversation?.toolChoice ?? { kind: "auto" };
  if (choice.kind === "none" || directives.refusal !== undefined) return [];
  const names = tools !== undefined && offered.length > 0 ? tools : tool !== undefined ? [tool] : undefined;
  const chosen =
    choice.kind === "named"
      ? [choice.name]
      : (names ?? (choice.kind === "required" ? offered.slice(0, 1).map(({ name }) => name) : namedIn(conversation)));
  const allowed = conversation?.parallelCalls === false ? chosen.slice(0, 1) : chosen;
  return allowed.map((name, index) => ({
    name,
    schema: offered.find((one) => one.name === name)?.schema,
    ...(index === 0 && toolInput !== undefined ? { input: toolInput } : {}),
  }));
}

/** The offered tools that the user's newest words name. */
function namedIn(conversation: Conversation | undefined): string[] {
  if (conversation === undefined || conversation.newestUserText === "") return [];
  const isNamed = ({ name }: OfferedTool) => {
    const at = conversation.newestUserText.indexOf(name);
    if (at < 0 || name === "") return false;
    const around = `${conversation.newestUserText[at - 1] ?? " "}${conversation.newestUserText[at + name.length] ?? " "}`;
    return !/[\w-]/.test(around);
  };
  return conversation.tools.filter(isNamed).map(({ name }) => name);
}
