import type { JsonObject } from "./json.ts";

/** A tool that the request offers. */
export interface OfferedTool {
  readonly name: string;
  /** The schema of its input; the empty object where none was given. */
  readonly schema: JsonObject;
}

/** What the request says about calling tools. */
export type ToolChoice =
  | { readonly kind: "auto" | "none" | "required" }
  | { readonly kind: "named"; readonly name: string };

/** Structured output was asked for: JSON of a schema (any object without one), or, as vLLM offers too, a text of a pattern or out of a list. */
export type Structure =
  | { readonly schema: JsonObject | undefined }
  | { readonly pattern: string }
  | { readonly choices: readonly string[] };

/** An image or a file of the prompt. It is described, never fetched and never decoded. */
export interface Attachment {
  readonly kind: "image" | "file";
  readonly source: "inline" | "url" | "id";
  /** As declared; absent for a bare URL. */
  readonly mediaType?: string;
  /** Size of the decoded data in bytes; absent for a URL or an id. */
  readonly bytes?: number;
  /** The URL, the file id or the file's name. */
  readonly name?: string;
}

/** The newest result of a tool call. */
export interface ToolResult {
  readonly toolName: string;
  readonly text: string;
}

/** A chat reduced to what decides the kind of answer, whatever format it came in. */
export interface Conversation {
  /** Texts that came after the last answer: the turn that is to be answered now. */
  readonly newestTexts: readonly string[];
  /** The user's words among them, without tool results. */
  readonly newestUserText: string;
  readonly toolResults: readonly ToolResult[];
  readonly attachments: readonly Attachment[];
  readonly tools: readonly OfferedTool[];
  readonly toolChoice: ToolChoice;
  /** Whether more than one call may come in one answer. */
  readonly parallelCalls: boolean;
  readonly structure: Structure | undefined;
  /** Tokens of reasoning that the request's own fields ask for; 0 forbids it. */
  readonly reasoningTokens: number | undefined;
}

/** How an answer mentions what it was shown: the tools' results, the images and files. Empty when there is nothing. */
export function mentionOf(conversation: Conversation): string {
  const results = conversation.toolResults.map(({ toolName, text }) => `${toolName} said ${excerptOf(text)}`);
  const shown = conversation.attachments.map((attachment) => `I was shown ${describe(attachment)}`);
  const sentences = [...results, ...shown];
  return sentences.length === 0 ? "" : `${sentences.join(". ")}. `;
}

/** An attachment in words: what it is, its type, its size, where from. */
export function describe({ kind, source, mediaType, bytes, name }: Attachment): string {
  const type = mediaType ?? "unknown type";
  const size = bytes === undefined ? "" : `, ${bytes} bytes`;
  const origin = source === "inline" ? "" : source === "url" ? ", by URL, not fetched" : ", by id";
  return `${kind === "image" ? "an image" : "a file"} (${type}${size}${origin}${name === undefined ? "" : `, ${name}`})`;
}

const LONGEST_EXCERPT = 200;

function excerptOf(text: string): string {
  const characters = [...text];
  return characters.length <= LONGEST_EXCERPT ? text : `${characters.slice(0, LONGEST_EXCERPT).join("")}…`;
}
