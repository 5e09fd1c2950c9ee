import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { readBody } from "../backends/body.ts";
import { shut } from "../backends/door.ts";
import { type AllowLists, allowLists } from "./allow-list.ts";
import { answer, formOf } from "./answer.ts";
import { control } from "./control.ts";
import {
  accessForbiddenReply,
  accessLoginReply,
  EDGE_ERRORS,
  type EdgeReply,
  edgeErrorReply,
  notInListReply,
} from "./edge-replies.ts";
import { type TunnelFault, type TunnelFaultName, takeMarkers } from "./faults.ts";
import { passOn } from "./pass-on.ts";
import { TunnelRules } from "./rules.ts";
import type { ServiceToken, TunnelCall, TunnelState } from "./state.ts";

/** How a simulated tunnel is set up. */
export interface TunnelOptions {
  /** The backend behind it, `http://127.0.0.1:…`. */
  readonly target: string;
  /** 0, the default, takes a free port. */
  readonly port?: number;
  /** Those that the Access policy lets in; `SIMULATED_TOKEN` by default. */
  readonly tokens?: readonly ServiceToken[];
  /** What passes; the lists of tunnels/ by default. */
  readonly allow?: AllowLists;
  /** So long may the backend be silent: 524 before its headers, a cut stream after them. 100 s by default, as at Cloudflare. */
  readonly silenceMs?: number;
}

/** The service token that opens a simulated tunnel unless it is told otherwise. */
export const SIMULATED_TOKEN: ServiceToken = { id: "simulated.access", secret: "simulated-tunnel-secret" };

export interface SimulatedTunnel {
  /** What takes the place of the backend's URL. */
  readonly url: string;
  readonly controlUrl: string;
  /** Requests in order of arrival, the last 5,000. */
  readonly calls: readonly TunnelCall[];
  /** Adds a rule, `{match?, fault}` or a fault alone; throws on one that cannot be. Returns what takes it away again. */
  fault(rule: unknown): () => void;
  /** Which service tokens are let in from now on. */
  setTokens(tokens: readonly ServiceToken[]): void;
  /** No rules, no calls, the tokens of the start. */
  reset(): void;
  close(): Promise<void>;
}

const EDGE_SILENCE_MS = 100_000;

/** Starts a tunnel on loopback: Access, the edge, cloudflared with its allow-list, the second list, and behind them the backend. */
export async function startTunnel(options: TunnelOptions): Promise<SimulatedTunnel> {
  const tokens = options.tokens ?? [SIMULATED_TOKEN];
  const state: TunnelState = {
    target: options.target,
    allow: options.allow ?? allowLists(),
    silenceMs: options.silenceMs ?? EDGE_SILENCE_MS,
    firstTokens: tokens,
    tokens,
    rules: new TunnelRules(),
    calls: [],
    received: 0,
  };
  const server = createServer({ keepAliveTimeout: 75_000, requestTimeout: 0 }, (request, response) => {
    serve(request, response, state).catch((error: unknown) => {
      console.error("simulated tunnel: a bug of the simulator, or a marker that cannot be:", error);
      response.destroy();
    });
  });
  const controlServer = createServer((request, response) => void control(request, response, state));
  const url = await listen(server, options.port ?? 0);
  const controlUrl = await listen(controlServer, 0);
  return {
    url,
    controlUrl,
    calls: state.calls,
    fault(given) {
      const rule = state.rules.add(given);
      if (typeof rule === "string") throw new Error(rule);
      return () => state.rules.remove(rule.id);
    },
    setTokens: (given) => {
      state.tokens = given;
    },
    reset: () => {
      state.rules.remove();
      state.calls.length = 0;
      state.tokens = state.firstTokens;
    },
    close: async () => {
      await Promise.all([shut(server), shut(controlServer)]);
    },
  };
}

function listen(server: ReturnType<typeof createServer>, port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}`));
  });
}

const KEPT_CALLS = 5_000;

async function serve(request: IncomingMessage, response: ServerResponse, state: TunnelState): Promise<void> {
  const received = await readBody(request);
  if (received === undefined || received === "too-large") return void response.destroy();
  const { body, faults: marked } = takeMarkers(received);
  const path = (request.url ?? "/").split("?", 1)[0] ?? "/";
  const requestId = textOf(request.headers["x-request-id"]);
  const call: TunnelCall = { number: ++state.received, method: request.method ?? "GET", path, requestId };
  state.calls.push(call);
  if (state.calls.length > KEPT_CALLS) state.calls.shift();
  const faults = new Map<TunnelFaultName, TunnelFault>(
    [...state.rules.faultsFor(call), ...marked].map((fault) => [fault.name, fault]),
  );
  const own = replyInBackendsPlace(request, path, faults, state);
  if (own !== undefined) {
    call.answeredBy = own.by;
    call.status = own.reply.status;
    return void answer(response, own.reply);
  }
  await passOn({ request, response, body, faults, call }, state);
}

/** The first of Access, the edge, cloudflared and the list behind it that does not let the request through, and what it says. */
function replyInBackendsPlace(
  request: IncomingMessage,
  path: string,
  faults: ReadonlyMap<TunnelFaultName, TunnelFault>,
  state: TunnelState,
): { readonly by: NonNullable<TunnelCall["answeredBy"]>; readonly reply: EdgeReply } | undefined {
  if (faults.has("login")) return { by: "access", reply: accessLoginReply() };
  if (faults.has("forbidden")) return { by: "access", reply: accessForbiddenReply() };
  if (!faults.has("open-access") && !isLetIn(request, state.tokens)) return { by: "access", reply: accessLoginReply() };
  const down = faults.get("down");
  if (down !== undefined) return { by: "edge", reply: edgeErrorReply(EDGE_ERRORS.tunnelDown, formOf(down)) };
  const isBlocked = faults.get("blocked")?.parameters.paths?.split("+").includes(path) ?? false;
  const passesFirst = faults.has("open-paths") || state.allow.paths.test(path);
  const passesSecond = faults.has("no-second-list") || state.allow.calls.has(`${request.method} ${path}`);
  if (isBlocked || !passesFirst) return { by: "cloudflared", reply: notInListReply() };
  const bad = faults.get("bad-gateway");
  if (bad !== undefined) return { by: "cloudflared", reply: edgeErrorReply(EDGE_ERRORS.badGateway, formOf(bad)) };
  return passesSecond ? undefined : { by: "second-list", reply: notInListReply() };
}

function isLetIn({ headers }: IncomingMessage, tokens: readonly ServiceToken[]): boolean {
  return tokens.some(
    ({ id, secret }) => headers["cf-access-client-id"] === id && headers["cf-access-client-secret"] === secret,
  );
}

function textOf(header: string | string[] | undefined): string | undefined {
  return typeof header === "string" ? header : undefined;
}
