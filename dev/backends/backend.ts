import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { readBody } from "./body.ts";
import { control } from "./control.ts";
import { Departure } from "./departure.ts";
import { noDirectives } from "./directives.ts";
import { Door, type DoorMode } from "./door.ts";
import { applyFaults, faultsInForce } from "./faults/apply.ts";
import { unauthorizedScript } from "./faults/refusals.ts";
import { messages } from "./formats/anthropic/messages.ts";
import { errorScript } from "./formats/errors.ts";
import { chat } from "./formats/openai/chat.ts";
import { completions } from "./formats/openai/completions.ts";
import { embeddings } from "./formats/openai/embeddings.ts";
import { rerank } from "./formats/openai/rerank.ts";
import { score } from "./formats/openai/score.ts";
import { responses } from "./formats/responses/responses.ts";
import type { Operation } from "./operation.ts";
import { type BackendOptions, DEFAULT_OPTIONS } from "./options.ts";
import { perform } from "./perform.ts";
import { PLAIN_ROUTES } from "./plain-routes.ts";
import { type Plan, planModelCall } from "./plan.ts";
import type { Rule } from "./rules.ts";
import { type Format, jsonScript, type Script } from "./script.ts";
import { type BackendState, changePacing, createState, type PacingChange, resetState } from "./state.ts";
import type { CallRecord, TallyCall } from "./tally.ts";

/** A running simulated backend. */
export interface SimulatedBackend {
  /** Base of vLLM's paths; the SDK of OpenAI takes `${url}/v1`. */
  readonly url: string;
  /** What Anthropic's SDK takes as its base URL. */
  readonly anthropicUrl: string;
  /** The `/sim` endpoints on a port of their own, which answers also while the door is shut. */
  readonly controlUrl: string;
  readonly name: string;
  readonly port: number;
  /** Calls in order of arrival, running ones included; those of one `x-request-id` when given. */
  tally(requestId?: string): TallyCall[];
  /** Adds a rule as `POST /sim/faults` does; throws on one that cannot be. */
  addRule(rule: unknown): Rule;
  setPacing(change: PacingChange): void;
  setDoor(mode: DoorMode, forMilliseconds?: number): Promise<void>;
  reset(): void;
  /** Ends every connection and frees the ports. */
  close(): Promise<void>;
}

const OPERATIONS: Readonly<Record<string, Operation>> = {
  "POST /v1/chat/completions": chat,
  "POST /v1/completions": completions,
  "POST /v1/responses": responses,
  "POST /v1/embeddings": embeddings,
  "POST /v1/rerank": rerank,
  "POST /v2/rerank": rerank,
  "POST /rerank": rerank,
  "POST /v1/score": score,
  "POST /score": score,
  "POST /anthropic/v1/messages": messages,
};

/** Probed often and of no interest in a tally. */
const UNTALLIED_PATHS = new Set(["/health", "/ping", "/version", "/load", "/metrics"]);

const NO_WAITING = { ttftMs: 0, tokensPerSecond: 0 };

/** Starts a simulated backend on loopback. Rejects when the port is taken. */
export async function startBackend(given: Partial<BackendOptions> = {}): Promise<SimulatedBackend> {
  const options: BackendOptions = { ...DEFAULT_OPTIONS, ...given };
  const state = createState(options);
  const mainServer = createServer({ keepAliveTimeout: 75_000, requestTimeout: 0 }, (request, response) => {
    const work = request.url?.startsWith("/sim")
      ? control(request, response, state, door)
      : serve(request, response, state);
    work.catch((error: unknown) => breakDown(error, response));
  });
  const controlServer = createServer((request, response) => {
    control(request, response, state, door).catch((error: unknown) => breakDown(error, response));
  });
  const door = await Door.open(mainServer, options.port);
  const controlDoor = await Door.open(controlServer, 0);
  const url = `http://127.0.0.1:${door.port}`;
  return {
    url,
    anthropicUrl: `${url}/anthropic`,
    controlUrl: `http://127.0.0.1:${(controlServer.address() as AddressInfo).port}`,
    name: options.name,
    port: door.port,
    tally: (requestId) => state.tally.calls(requestId),
    addRule: (json) => {
      const rule = state.rules.add(json);
      if (typeof rule === "string") throw new Error(rule);
      return rule;
    },
    setPacing: (change) => changePacing(state, change),
    setDoor: (mode, forMilliseconds) => door.set(mode, forMilliseconds),
    reset: () => resetState(state),
    close: async () => {
      await Promise.all([door.shut(), controlDoor.shut()]);
      state.tally.close();
    },
  };
}

/** A bug of the simulator must look like one, not like a fault that a test asked for. */
function breakDown(error: unknown, response: ServerResponse): void {
  console.error("simulated backend: a bug of the simulator:", error);
  response.destroy();
}

async function serve(request: IncomingMessage, response: ServerResponse, state: BackendState): Promise<void> {
  const arrivedAtMs = Date.now();
  const departure = new Departure(response);
  const body = await readBody(request);
  if (body === undefined) return;
  const method = request.method ?? "GET";
  const path = request.url?.split("?", 1)[0] ?? "/";
  const format: Format = path.startsWith("/anthropic/") ? "anthropic" : "openai";
  const requestId = request.headers["x-request-id"];
  const record = state.tally.open(
    {
      requestId: typeof requestId === "string" ? requestId : undefined,
      format,
      method,
      path,
      arrivedAtMs,
      rawHeaders: request.rawHeaders,
      bodyText: body === "too-large" ? "" : body.toString("utf8"),
      bodyBytes: body === "too-large" ? 0 : body.length,
    },
    !UNTALLIED_PATHS.has(path),
  );
  response.setHeader("server", "simulated-vllm");
  response.setHeader("x-simulated-backend", state.options.name);
  const plan =
    body === "too-large"
      ? atOnce(errorScript(format, { status: 413, message: "Request body is too large." }))
      : planOf(request, record, state);
  await perform({ ...plan, response, departure, record }, state);
}

function atOnce(script: Script): Plan {
  return { script, pacing: NO_WAITING };
}

function planOf(request: IncomingMessage, record: CallRecord, state: BackendState): Plan {
  if (!isAuthorized(request, record, state.options.apiKey)) return atOnce(unauthorizedScript(record.format));
  const operation = OPERATIONS[`${record.method} ${record.path}`];
  if (operation !== undefined) return planModelCall(operation, record, request.headers, state);
  return atOnce(withPathRules(plainAnswer(record, state), record, state));
}

/** vLLM guards `/v1` alone: health, metrics and tokenize stay open. */
function isAuthorized(request: IncomingMessage, record: CallRecord, apiKey: string | undefined): boolean {
  if (apiKey === undefined || !/^\/(anthropic\/)?v1(\/|$)/.test(record.path)) return true;
  if (request.headers.authorization === `Bearer ${apiKey}`) return true;
  return record.format === "anthropic" && request.headers["x-api-key"] === apiKey;
}

function plainAnswer(record: CallRecord, state: BackendState): Script {
  const lastSlash = record.path.lastIndexOf("/");
  const route =
    PLAIN_ROUTES[`${record.method} ${record.path}`] ??
    PLAIN_ROUTES[`${record.method} ${record.path.slice(0, lastSlash)}/*`];
  if (route !== undefined) return route(record, state);
  // FastAPI's own words, outside of vLLM's error form.
  const exists = ["GET", "POST"].some(
    (method) => `${method} ${record.path}` in PLAIN_ROUTES || `${method} ${record.path}` in OPERATIONS,
  );
  return exists ? jsonScript(405, { detail: "Method Not Allowed" }) : jsonScript(404, { detail: "Not Found" });
}

/** Rules that name a path reach the plain routes too, so that a health check can fail. */
function withPathRules(script: Script, record: CallRecord, state: BackendState): Script {
  if (state.rules.isEmpty) return script;
  const directives = noDirectives();
  state.rules.applyTo(directives, { ...record, model: "", attempt: 1 });
  const scene = {
    format: record.format,
    model: "",
    backend: state.options.name,
    attempt: 1,
    maxModelLength: 0,
    nowMs: record.arrivedAtMs,
  };
  return applyFaults(script, faultsInForce(directives.faults, scene), scene);
}
