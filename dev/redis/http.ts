import type { IncomingMessage, ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { type Counters, finish } from "./counters.ts";
import type { FaultList } from "./faults.ts";
import { type Command, ErrorReply, type RedisBackend } from "./protocol.ts";
import { encodeOutcome, encodeOutcomes, parseBody, type RestPath } from "./rest.ts";

const BODY_LIMIT_BYTES = 64 * 1024 * 1024;

/** What a request is answered with, control path and REST alike. */
export interface Answer {
  readonly status: number;
  readonly body: string;
}

/** A request that was let in and read. */
interface Call {
  readonly token: string;
  readonly path: RestPath;
  readonly commands: readonly Command[] | ErrorReply;
  /** The commands' names in upper case. */
  readonly names: readonly string[];
  readonly base64: boolean;
}

/** Answers the REST paths: token, body, faults, commands, reply. */
export class RestHandler {
  readonly #tokens: ReadonlyMap<string, string>;
  readonly #backend: RedisBackend;
  readonly #faults: FaultList;
  readonly #counters: Counters;

  constructor(tokens: readonly string[], backend: RedisBackend, faults: FaultList, counters: Counters) {
    this.#tokens = new Map(tokens.map((token) => [`Bearer ${token}`, token]));
    this.#backend = backend;
    this.#faults = faults;
    this.#counters = counters;
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readBody(request);
    const call = this.#admit(request, body);
    if ("status" in call) {
      send(response, call);
      return;
    }
    const record = this.#counters.begin(call.token, call.path, call.names);
    response.once("close", () => {
      if (record.outcome === "open") finish(record, "left", undefined);
    });
    const outcome = await this.#carryOut(call);
    if (outcome === "silence") {
      finish(record, "hung", undefined);
    } else if (outcome === "cut") {
      finish(record, "cut", undefined);
      response.destroy();
    } else if (!response.destroyed) {
      finish(record, "answered", outcome.status);
      send(response, outcome);
    }
  }

  /** The call that a request makes, or the answer to one that makes none. */
  #admit(request: IncomingMessage, body: string | undefined): Call | Answer {
    const token = this.#tokens.get(request.headers.authorization ?? "");
    if (token === undefined) {
      this.#counters.countUnauthorized();
      return { status: 401, body: errorBody("WRONGPASS invalid or missing auth token") };
    }
    const path = restPath(request.url ?? "/");
    if (path === undefined || request.method !== "POST") {
      const status = path === undefined ? 404 : 405;
      return { status, body: errorBody("ERR only POST /, /pipeline and /multi-exec are spoken here") };
    }
    if (body === undefined) return { status: 413, body: errorBody("ERR max request size exceeded") };
    const commands = parseBody(path, body);
    const names = commands instanceof ErrorReply ? [] : commands.map((command) => (command[0] ?? "").toUpperCase());
    return { token, path, commands, names, base64: request.headers["upstash-encoding"] === "base64" };
  }

  /** Executes a call, unless a fault has other plans. */
  async #carryOut(call: Call): Promise<Answer | "silence" | "cut"> {
    const verdict = this.#faults.judge(call.token, call.names);
    if (verdict.delayMs > 0) await sleep(verdict.delayMs);
    switch (verdict.fault) {
      case "hang":
        return "silence";
      case "reset":
        return "cut";
      case "status":
        return { status: verdict.status, body: errorBody("ERR a fault that was asked for") };
    }
    const answer =
      call.commands instanceof ErrorReply
        ? { status: 400, body: encodeOutcome(call.commands, false) }
        : await this.#run(call.path, call.commands, call.base64);
    if (verdict.fault === "hangAfter") return "silence";
    return verdict.fault === "loseReply" ? "cut" : answer;
  }

  async #run(path: RestPath, commands: readonly Command[], base64: boolean): Promise<Answer> {
    try {
      if (path === "/multi-exec") {
        const replies = await this.#backend.transaction(commands);
        if (replies instanceof ErrorReply) return { status: 400, body: encodeOutcome(replies, false) };
        return { status: 200, body: encodeOutcomes(replies, base64) };
      }
      const replies = await this.#backend.execute(commands);
      if (path === "/pipeline") return { status: 200, body: encodeOutcomes(replies, base64) };
      const reply = replies[0] ?? null;
      return { status: reply instanceof ErrorReply ? 400 : 200, body: encodeOutcome(reply, base64) };
    } catch (error) {
      return { status: 500, body: errorBody(`ERR ${error instanceof Error ? error.message : String(error)}`) };
    }
  }
}

/** Writes a JSON answer with its length, so that the connection stays usable. */
export function send(response: ServerResponse, { status, body }: Answer): void {
  const bytes = Buffer.byteLength(body, "utf8");
  response.writeHead(status, { "content-type": "application/json", "content-length": bytes });
  response.end(body);
}

/** The whole body as text, or undefined when it is larger than any call needs (the rest is read and dropped). */
export async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  return await new Promise((resolve, reject) => {
    request.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size <= BODY_LIMIT_BYTES) chunks.push(chunk);
    });
    request.on("end", () => {
      const [first] = chunks;
      if (size > BODY_LIMIT_BYTES) resolve(undefined);
      else resolve(chunks.length === 1 && first !== undefined ? first.toString("utf8") : joined(chunks));
    });
    request.on("error", reject);
  });
}

/** An error in the shape of a REST answer. */
export function errorBody(message: string): string {
  return JSON.stringify({ error: message });
}

function joined(chunks: readonly Buffer[]): string {
  return Buffer.concat(chunks).toString("utf8");
}

function restPath(url: string): RestPath | undefined {
  const path = url.split("?", 1)[0] ?? "";
  switch (path) {
    case "/":
    case "":
      return "/";
    case "/pipeline":
    case "/multi-exec":
      return path;
    default:
      return undefined;
  }
}
