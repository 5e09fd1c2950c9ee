import type { Json, JsonObject } from "../../src/core/json.ts";

/** One thing that a backend was told, whatever its format calls it. Read here without any of the gateway's own code. */
export type Told =
  | { readonly by: "system" | "user" | "assistant"; readonly text: string }
  | { readonly by: "user"; readonly image: string; readonly mediaType: string }
  | { readonly by: "user"; readonly imageUrl: string }
  | { readonly by: "assistant"; readonly thought: string; readonly signature?: string }
  | { readonly by: "assistant"; readonly call: string; readonly name: string; readonly input: Json }
  | { readonly by: "tool"; readonly result: string; readonly text: string };

/** A chat as a backend received it. */
export interface ReceivedChat {
  readonly told: readonly Told[];
  readonly tools: readonly { readonly name: string; readonly description?: string; readonly schema: Json }[];
  /** The schema of the text that is wanted, where one is. */
  readonly textSchema?: Json;
  /** Tools must be called: any (`required`), or the one of this name. */
  readonly toolChoice?: string;
  readonly maxTokens?: Json;
  readonly temperature?: Json;
}

const READERS = { openai: readOpenAi, anthropic: readAnthropic, responses: readResponses };

export function readReceived(format: keyof typeof READERS, body: Readonly<Record<string, unknown>>): ReceivedChat {
  return READERS[format](body as JsonObject);
}

function readOpenAi(body: JsonObject): ReceivedChat {
  const told = objects(body.messages).flatMap((message): Told[] => {
    const { role, content, tool_calls: calls, tool_call_id: answered, reasoning } = message;
    if (role === "tool") return [{ by: "tool", result: String(answered), text: textIn(content) }];
    const by = role === "developer" ? "system" : (role as "system" | "user" | "assistant");
    const parts = typeof content === "string" ? [{ type: "text", text: content }] : objects(content);
    return [
      ...(typeof reasoning === "string" ? [{ by: "assistant" as const, thought: reasoning }] : []),
      ...parts.flatMap((part): Told[] => openAiPart(by, part)),
      ...objects(calls).map((call): Told => {
        const { name, arguments: json } = call.function as JsonObject;
        return { by: "assistant", call: String(call.id), name: String(name), input: JSON.parse(String(json)) as Json };
      }),
    ];
  });
  const tools = objects(body.tools).map(({ function: tool }) => {
    const { name, description, parameters } = tool as JsonObject;
    return toolOf(name, description, parameters);
  });
  const { json_schema: wanted } = (body.response_format ?? {}) as JsonObject;
  const { schema } = (wanted ?? {}) as JsonObject;
  const choice = body.tool_choice as JsonObject | string | undefined;
  return {
    told,
    tools,
    ...(schema !== undefined && { textSchema: schema }),
    ...choiceOf(typeof choice === "string" ? choice : (choice?.function as JsonObject | undefined)?.name),
    ...limitsOf(body.max_tokens ?? body.max_completion_tokens, body.temperature),
  };
}

function openAiPart(by: "system" | "user" | "assistant", part: JsonObject): Told[] {
  if (part.type === "text") return part.text === "" ? [] : [{ by, text: String(part.text) }];
  if (part.type !== "image_url") throw new Error(`a part of type ${part.type}`);
  const url = String((part.image_url as JsonObject).url);
  const [, mediaType, data] = /^data:([^;]+);base64,(.*)$/.exec(url) ?? [];
  return [data === undefined ? { by: "user", imageUrl: url } : { by: "user", image: data, mediaType: mediaType ?? "" }];
}

function readResponses(body: JsonObject): ReceivedChat {
  const items = typeof body.input === "string" ? [{ role: "user", content: body.input }] : objects(body.input);
  const told = items.flatMap((item: JsonObject): Told[] => {
    const { type = "message", call_id: id, name, role, content } = item;
    switch (type) {
      case "function_call":
        return [{ by: "assistant", call: String(id), name: String(name), input: JSON.parse(String(item.arguments)) }];
      case "function_call_output":
        return [{ by: "tool", result: String(id), text: textIn(item.output) }];
      case "message": {
        const by = role === "developer" ? "system" : (role as "system" | "user" | "assistant");
        return blocksOf(content).map((part) => responsesPart(by, part));
      }
      case "reasoning": {
        const parts = [...objects(item.summary), ...objects(content)];
        return [{ by: "assistant", thought: parts.map(({ text }) => String(text)).join("") }];
      }
      default:
        throw new Error(`an item of type ${type}`);
    }
  });
  const { format } = (body.text ?? {}) as JsonObject;
  const { schema } = (format ?? {}) as JsonObject;
  const choice = body.tool_choice as JsonObject | string | undefined;
  return {
    told: typeof body.instructions === "string" ? [{ by: "system", text: body.instructions }, ...told] : told,
    tools: objects(body.tools).map((tool) => toolOf(tool.name, tool.description, tool.parameters)),
    ...(schema !== undefined && { textSchema: schema }),
    ...choiceOf(typeof choice === "string" ? choice : choice?.name),
    ...limitsOf(body.max_output_tokens, body.temperature),
  };
}

function responsesPart(by: "system" | "user" | "assistant", part: JsonObject): Told {
  if (typeof part.text === "string") return { by, text: part.text };
  if (part.type !== "input_image") throw new Error(`a part of type ${part.type}`);
  const url = String(part.image_url);
  const [, mediaType, data] = /^data:([^;]+);base64,(.*)$/.exec(url) ?? [];
  return data === undefined ? { by: "user", imageUrl: url } : { by: "user", image: data, mediaType: mediaType ?? "" };
}

function readAnthropic(body: JsonObject): ReceivedChat {
  const told = objects(body.messages).flatMap(({ role, content }) => blocksOf(content).flatMap(blockReader(role)));
  const system = blocksOf(body.system).map(({ text }): Told => ({ by: "system", text: String(text) }));
  const { format } = (body.output_config ?? {}) as JsonObject;
  const { schema } = (format ?? body.output_format ?? {}) as JsonObject;
  const { type, name } = (body.tool_choice ?? {}) as JsonObject;
  return {
    told: [...system, ...told],
    tools: objects(body.tools).map((tool) => toolOf(tool.name, tool.description, tool.input_schema)),
    ...(schema !== undefined && { textSchema: schema }),
    ...choiceOf(type === "any" ? "required" : (name ?? type)),
    ...limitsOf(body.max_tokens, body.temperature),
  };
}

function blockReader(role: Json | undefined): (block: JsonObject) => Told[] {
  const by = role as "user" | "assistant";
  return (block) => {
    switch (block.type) {
      case "text":
        return [{ by, text: String(block.text) }];
      case "thinking":
        return [{ by: "assistant", thought: String(block.thinking), signature: String(block.signature) }];
      case "tool_use":
        return [{ by: "assistant", call: String(block.id), name: String(block.name), input: block.input ?? null }];
      case "tool_result":
        return [{ by: "tool", result: String(block.tool_use_id), text: textIn(block.content) }];
      case "image": {
        const { data, media_type: mediaType, url } = block.source as JsonObject;
        return [
          url === undefined
            ? { by: "user", image: String(data), mediaType: String(mediaType) }
            : { by: "user", imageUrl: String(url) },
        ];
      }
      default:
        throw new Error(`a block of type ${block.type}`);
    }
  };
}

function toolOf(name: Json | undefined, description: Json | undefined, schema: Json | undefined) {
  return {
    name: String(name),
    ...(typeof description === "string" && { description }),
    schema: schema ?? null,
  };
}

const choiceOf = (choice: Json | undefined) =>
  typeof choice === "string" && choice !== "auto" && choice !== "none" ? { toolChoice: choice } : {};

const limitsOf = (maxTokens: Json | undefined, temperature: Json | undefined) => ({
  ...(maxTokens !== undefined && { maxTokens }),
  ...(temperature !== undefined && { temperature }),
});

const objects = (value: Json | undefined): readonly JsonObject[] => (value ?? []) as readonly JsonObject[];

const blocksOf = (value: Json | undefined): readonly JsonObject[] =>
  typeof value === "string" ? [{ type: "text", text: value }] : objects(value);

const textIn = (value: Json | undefined): string =>
  blocksOf(value)
    .map(({ text }) => String(text))
    .join("");
