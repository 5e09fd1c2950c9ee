import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What a backend that talks too much does with a request, by the word in its prompt: `[[leak:<way>]]`. */
export const LEAKS = [
  "status-400",
  "status-401",
  "status-403",
  "status-404",
  "status-422",
  "status-429",
  "status-500",
  "status-503",
  "html-502",
  "error-under-200",
  "malformed-under-200",
  "error-frame",
  "malformed-frame",
  "cut",
  "cut-stream",
  "headers",
  "redirect-301",
  "redirect-302",
  "redirect-307",
] as const;
export type Leak = (typeof LEAKS)[number];

export interface Listener {
  readonly url: string;
  /** Calls that came, each as its first line. */
  readonly calls: readonly string[];
  close(): Promise<void>;
}

/** A backend of both formats that puts all it was told, credentials and host included, into whatever it answers. */
export function startLeakyBackend(elsewhere: string): Promise<Listener> {
  return listen(async (request, response) => {
    const body = await textOf(request);
    const way = /\[\[leak:([a-z0-9-]+)\]\]/.exec(body)?.[1] ?? "headers";
    const told = `${Object.values(request.headers).join(" | ")} at http://${request.headers.host}${request.url} asked ${body}`;
    const anthropic = request.url?.includes("/messages") === true;
    const streamed = (JSON.parse(body) as { stream?: boolean }).stream === true;
    const error = { error: { message: told, type: told, param: told, code: told }, message: told, type: "error" };
    const [kind = "", number = ""] = way.split(/-(?=\d)/);
    response.setHeader("x-told", encodeURIComponent(told).slice(0, 4_000));
    response.setHeader(
      "set-cookie",
      `key=${encodeURIComponent(String(request.headers.authorization ?? request.headers["x-api-key"]))}`,
    );
    switch (kind) {
      case "status":
        return json(response, Number(number), error);
      case "html":
        response.writeHead(Number(number), { "content-type": "text/html" });
        return void response.end(`<html><pre>${told}</pre></html>`);
      case "error-under":
        return json(response, 200, error);
      case "malformed-under":
        response.writeHead(200, { "content-type": "application/json" });
        return void response.end(`{"id": ${told}`);
      case "redirect":
        response.writeHead(Number(number), {
          location: `${elsewhere}${request.url}?told=${encodeURIComponent(told).slice(0, 500)}`,
        });
        return void response.end(told);
      case "cut":
        response.writeHead(200, { "content-type": "application/json", "content-length": "100000" });
        response.write(JSON.stringify(error));
        return void setTimeout(() => response.destroy(), 20);
    }
    if (!streamed) return json(response, 200, wholeAnswer(anthropic));
    response.writeHead(200, { "content-type": "text/event-stream" });
    const [first = "", ...rest] = frames(anthropic);
    response.write(first);
    switch (way) {
      case "error-frame":
        return void response.end(`${anthropic ? "event: error\n" : ""}data: ${JSON.stringify(error)}\n\n`);
      case "malformed-frame":
        return void response.end(`data: {${told.replaceAll("\n", " ")}\n\n`);
      case "cut-stream":
        return void setTimeout(() => response.destroy(), 20);
      default:
        return void response.end(rest.join(""));
    }
  });
}

/** A place that nobody has any business calling. */
export function startTrap(): Promise<Listener> {
  return listen(async (_, response) => json(response, 200, wholeAnswer(false)));
}

async function listen(
  handle: (request: IncomingMessage, response: ServerResponse) => Promise<void>,
): Promise<Listener> {
  const calls: string[] = [];
  const server = createServer((request, response) => {
    calls.push(`${request.method} ${request.url} ${request.headers.host}`);
    handle(request, response).catch(() => response.destroy());
  });
  server.on("connect", (request, socket) => {
    calls.push(`CONNECT ${request.url}`);
    socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

function json(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}

const wholeAnswer = (anthropic: boolean) =>
  anthropic
    ? {
        id: "msg_1",
        type: "message",
        role: "assistant",
        model: "leaky",
        content: [{ type: "text", text: "fine" }],
        stop_reason: "end_turn",
        usage: { input_tokens: 3, output_tokens: 1 },
      }
    : {
        id: "chatcmpl-1",
        object: "chat.completion",
        created: 1,
        model: "leaky",
        choices: [{ index: 0, message: { role: "assistant", content: "fine" }, finish_reason: "stop" }],
        usage: { prompt_tokens: 3, completion_tokens: 1, total_tokens: 4 },
      };

function frames(anthropic: boolean): readonly string[] {
  if (!anthropic) {
    const chunk = (delta: object, finish: string | null) =>
      `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model: "leaky", choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;
    return [chunk({ role: "assistant", content: "fine" }, null), chunk({}, "stop"), "data: [DONE]\n\n"];
  }
  const event = (type: string, fields: object) => `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;
  const start = event("message_start", { message: { ...wholeAnswer(true), content: [], stop_reason: null } });
  const block = event("content_block_start", { index: 0, content_block: { type: "text", text: "" } });
  const text = event("content_block_delta", { index: 0, delta: { type: "text_delta", text: "fine" } });
  return [
    `${start}${block}${text}`,
    event("content_block_stop", { index: 0 }),
    event("message_delta", { delta: { stop_reason: "end_turn" }, usage: { output_tokens: 1 } }),
    event("message_stop", {}),
  ];
}
