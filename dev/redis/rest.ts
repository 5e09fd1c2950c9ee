import { toBytes, toText } from "./bytes.ts";
import { type Bytes, type Command, ErrorReply, type Reply, StatusReply } from "./protocol.ts";

/*
 * Upstash's REST protocol as text: bodies in, bodies out. `POST /` takes one command as a JSON array and answers
 * `{"result": …}`, or `{"error": …}` with status 400; `/pipeline` and `/multi-exec` take and give arrays of these.
 * https://upstash.com/docs/redis/features/restapi
 */

export type RestPath = "/" | "/pipeline" | "/multi-exec";

/** The commands of a body, or what is wrong with it. `POST /` gives exactly one. */
export function parseBody(path: RestPath, body: string): readonly Command[] | ErrorReply {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    return new ErrorReply("ERR failed to parse command: the body is not JSON");
  }
  if (!Array.isArray(parsed)) return new ErrorReply("ERR failed to parse command: the body is not an array");
  const list: readonly unknown[] = path === "/" ? [parsed] : parsed;
  if (list.length === 0) return new ErrorReply("ERR empty pipeline request");
  const commands: Command[] = [];
  for (const item of list) {
    const command = toCommand(item);
    if (command === undefined) {
      return new ErrorReply("ERR failed to parse command: a command is an array of strings, numbers and booleans");
    }
    commands.push(command);
  }
  return commands;
}

function toCommand(item: unknown): Command | undefined {
  if (!Array.isArray(item) || item.length === 0) return undefined;
  const command: Bytes[] = [];
  for (const argument of item) {
    if (typeof argument === "string") command.push(toBytes(argument));
    else if (typeof argument === "number" || typeof argument === "boolean") command.push(String(argument));
    else return undefined;
  }
  return command;
}

/** One command's outcome as JSON. With `base64` every string is encoded so, at any depth; OK, integers and null are not. */
export function encodeOutcome(reply: Reply, base64: boolean): string {
  if (reply instanceof ErrorReply) return `{"error":${JSON.stringify(toText(reply.message))}}`;
  // The client leaves a bare OK alone at the top, and decodes every string inside an array.
  if (reply instanceof StatusReply && reply.text === "OK") return '{"result":"OK"}';
  return `{"result":${encodeReply(reply, base64)}}`;
}

/** Several outcomes as one JSON array. */
export function encodeOutcomes(replies: readonly Reply[], base64: boolean): string {
  return `[${replies.map((reply) => encodeOutcome(reply, base64)).join(",")}]`;
}

function encodeReply(reply: Reply, base64: boolean): string {
  if (typeof reply === "string") return encodeBytes(reply, base64);
  if (reply === null) return "null";
  if (typeof reply === "number" || typeof reply === "bigint") return reply.toString();
  if (reply instanceof StatusReply) return encodeBytes(reply.text, base64);
  if (reply instanceof ErrorReply) return encodeBytes(reply.message, base64);
  return `[${reply.map((item) => encodeReply(item, base64)).join(",")}]`;
}

function encodeBytes(bytes: Bytes, base64: boolean): string {
  return base64 ? `"${btoa(bytes)}"` : JSON.stringify(toText(bytes));
}
