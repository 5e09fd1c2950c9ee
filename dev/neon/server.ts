import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { type Engine, ROOT_ROLE } from "./engine.ts";
import { Control, Faults } from "./faults.ts";
import {
  encodeError,
  encodeResult,
  type Login,
  type Parsed,
  parseLogin,
  parseRequest,
  passwordFailed,
  type Refusal,
  type SqlRequest,
} from "./protocol.ts";

/** Neon's own limit of a request body. */
const MAX_BODY_BYTES = 64 * 1024 * 1024;

/**
 * The HTTP face over an engine: `POST /sql`, `GET` and `POST /__control`. `rootPassword` lets the superuser in.
 * Who calls before the engine has opened waits for it.
 */
export function createEndpoint(opening: Promise<Engine>, rootPassword: string): Server {
  const control = new Control();
  return createServer((request, response) => {
    handle(request, response).catch((thrown: unknown) => {
      // The database is gone, or a bug: no error of Postgres, so the driver must read it as a server error.
      const reason = thrown instanceof Error ? thrown.message : String(thrown);
      console.error(`neon endpoint: ${reason}`);
      if (!response.headersSent) sendText(response, 500, `the local Neon endpoint failed: ${reason}`);
    });
  });

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const engine = await opening;
    const route = `${request.method} ${request.url}`;
    if (route === "POST /sql") return await answerSql(engine, request, response);
    if (route === "GET /__control") return sendJson(response, 200, { form: engine.form, ...control.state });
    if (route === "POST /__control") return await answerControl(engine, request, response);
    sendText(response, 404, "not here: POST /sql, GET /__control, POST /__control");
  }

  async function answerControl(engine: Engine, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readBody(request);
    const faults = body.ok ? Faults.safeParse(parseJson(body.value)) : undefined;
    if (faults?.success !== true) {
      return sendText(response, 400, `no such faults: ${faults?.error.message ?? "unreadable"}`);
    }
    control.set(faults.data);
    sendJson(response, 200, { form: engine.form, ...control.state });
  }

  async function answerSql(engine: Engine, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const header = (name: string) => {
      const value = request.headers[name];
      return Array.isArray(value) ? value[0] : value;
    };
    const login = parseLogin(header("neon-connection-string"));
    const faults = control.enter(login.ok ? login.value.role : "");
    try {
      if (faults.refuse) return void request.socket.resetAndDestroy();
      if (faults.hang) return await closed(response);
      const waitMs = control.waitMs(faults, Date.now());
      if (waitMs > 0) await sleep(waitMs);
      if (faults.status !== undefined) return sendText(response, faults.status, "injected fault");
      const reply = await run(engine, login, request, header);
      if (faults.dropReply) return void request.socket.resetAndDestroy();
      sendJson(response, reply.status, reply.body);
    } finally {
      control.leave();
    }
  }

  async function run(
    engine: Engine,
    login: Parsed<Login>,
    request: IncomingMessage,
    header: (name: string) => string | undefined,
  ): Promise<{ readonly status: number; readonly body: object }> {
    if (!login.ok) return refused(login.refusal);
    const body = await readBody(request);
    if (!body.ok) return refused(body.refusal);
    const parsed: Parsed<SqlRequest> = parseRequest(body.value, header);
    if (!parsed.ok) return refused(parsed.refusal);
    const { role, password } = login.value;
    if (role === ROOT_ROLE && password !== rootPassword) return refused({ status: 400, error: passwordFailed(role) });
    control.countStatements(role, parsed.value.statements.length);
    const answer = await engine.run(login.value, parsed.value);
    if (!answer.ok) return refused({ status: 400, error: answer.error });
    const results = answer.results.map((result, at) => {
      return encodeResult(result, parsed.value.statements[at]?.arrayMode ?? true);
    });
    return { status: 200, body: parsed.value.transaction ? { results } : (results[0] ?? {}) };
  }
}

/** Listens on loopback only. Throws one clear line when the port is taken. */
export async function listen(server: Server, port: number): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", (cause: NodeJS.ErrnoException) => {
    reject(
      cause.code === "EADDRINUSE"
        ? new Error(`port ${port} is taken: choose another with --port, or 0 for any`)
        : cause,
    );
  });
  server.listen(port, "127.0.0.1", resolve);
  await promise;
  return (server.address() as AddressInfo).port;
}

const refused = ({ status, error }: Refusal) => ({ status, body: encodeError(error) });

async function readBody(request: IncomingMessage): Promise<Parsed<string>> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) {
      const message = `request is too large (max is ${MAX_BODY_BYTES} bytes)`;
      return { ok: false, refusal: { status: 413, error: { message } } };
    }
    chunks.push(chunk);
  }
  return { ok: true, value: Buffer.concat(chunks).toString() };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text === "" ? "{}" : text);
  } catch {
    return undefined;
  }
}

/** Until the caller gives up, or the endpoint closes. */
function closed(response: ServerResponse): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  response.once("close", () => resolve());
  return promise;
}

function sendJson(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

function sendText(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { "content-type": "text/plain; charset=utf-8" }).end(`${text}\n`);
}
