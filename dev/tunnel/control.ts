import type { IncomingMessage, ServerResponse } from "node:http";
import { readBody } from "../backends/body.ts";
import { isJsonObject, parseJson } from "../backends/json.ts";
import { TUNNEL_FAULTS } from "./faults.ts";
import type { ServiceToken, TunnelState } from "./state.ts";

interface Answer {
  readonly status: number;
  readonly json: object;
}

const wrong = (error: string): Answer => ({ status: 400, json: { error } });

/** Answers the control endpoints (README.md has them), which no token guards: they exist on loopback only, on a port of their own. */
export async function control(request: IncomingMessage, response: ServerResponse, state: TunnelState): Promise<void> {
  const body = await readBody(request);
  const parsed = Buffer.isBuffer(body) ? parseJson(body.toString("utf8") || "{}") : undefined;
  const url = new URL(request.url ?? "/", "http://control.invalid");
  const { status, json } =
    parsed === undefined
      ? wrong("the body is not JSON")
      : answerOf(`${request.method} ${url.pathname}`, parsed.value, url, state);
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(json));
}

function answerOf(route: string, json: unknown, { searchParams }: URL, state: TunnelState): Answer {
  switch (route) {
    case "GET /tunnel":
      return {
        status: 200,
        json: { simulated: true, target: state.target, faults: TUNNEL_FAULTS, calls: state.calls },
      };
    case "GET /tunnel/faults":
      return { status: 200, json: { rules: state.rules.list() } };
    case "POST /tunnel/faults": {
      const rule = state.rules.add(json);
      return typeof rule === "string" ? wrong(rule) : { status: 200, json: rule };
    }
    case "DELETE /tunnel/faults": {
      const id = searchParams.get("id");
      state.rules.remove(id === null ? undefined : Number(id));
      return { status: 200, json: { rules: state.rules.list() } };
    }
    case "POST /tunnel/tokens": {
      const tokens = isJsonObject(json) && Array.isArray(json.tokens) ? json.tokens.map(tokenOf) : [undefined];
      if (tokens.includes(undefined)) return wrong('tokens is a list of {"id", "secret"}');
      state.tokens = tokens.filter((token) => token !== undefined);
      return { status: 200, json: { tokens: state.tokens.map(({ id }) => id) } };
    }
    case "POST /tunnel/reset":
      state.rules.remove();
      state.calls.length = 0;
      state.tokens = state.firstTokens;
      return { status: 200, json: { reset: true } };
    default:
      return { status: 404, json: { error: "no such control endpoint; GET /tunnel lists the faults" } };
  }
}

function tokenOf(json: unknown): ServiceToken | undefined {
  if (!isJsonObject(json) || typeof json.id !== "string" || typeof json.secret !== "string") return undefined;
  return { id: json.id, secret: json.secret };
}
